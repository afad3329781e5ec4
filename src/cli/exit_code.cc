#include "cli/exit_code.h"

namespace nines::cli {

ExitCode exit_code_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::kDenied: return ExitCode::kDenied;
    case ErrorCode::kNotFound: return ExitCode::kNoSuchUnit;
    case ErrorCode::kGone: return ExitCode::kUnreachable;
    default: return ExitCode::kFailed;
  }
}

}  // namespace nines::cli
