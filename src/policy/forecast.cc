#include "policy/forecast.h"

namespace nines::policy {

std::string_view to_string(Predictor predictor) {
  switch (predictor) {
    case Predictor::kMemory: return "memory";
    case Predictor::kFds: return "fds";
    case Predictor::kThreads: return "threads";
    case Predictor::kDisk: return "disk";
    case Predictor::kBacklog: return "backlog";
    case Predictor::kRecurrence: return "recurrence";
    case Predictor::kSignature: return "signature";
    case Predictor::kLatency: return "latency";
  }
  return "unknown";
}

}  // namespace nines::policy
