// Any bytes as a notification: no crash, and what is returned keeps its promises.
#include <cstddef>
#include <cstdlib>

#include "app/supervise/notify.h"
#include "app/supervise/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using nines::supervise::is_valid_utf8;
  using nines::supervise::kMaxNotifySpan;
  const auto message = nines::supervise::parse_notify({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  bool good = true;
  if (message->status) {
    good &= is_valid_utf8(*message->status);
    for (const char c : *message->status) good &= static_cast<unsigned char>(c) >= 0x20;
  }
  good &= message->fd_name.size() <= 255 && message->fd_name.find(':') == std::string::npos;
  good &= message->main_pid.value_or(1) > 0;
  for (const auto& span : {message->watchdog_interval, message->extend_timeout}) {
    good &= !span || (span->count() >= 0 && *span <= kMaxNotifySpan);
  }
  good &= message->malformed_fields.size() < 20;
  if (!good) std::abort();
  return 0;
}
