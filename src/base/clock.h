// The two clocks. Durations are only ever measured on the monotonic one; UTC is for people and
// for comparing hosts, and may jump.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace nines {

using Nanoseconds = std::chrono::nanoseconds;
using Milliseconds = std::chrono::milliseconds;

/// Nanoseconds since the epoch, CLOCK_REALTIME.
struct UtcTime {
  std::int64_t ns = 0;
  friend auto operator<=>(const UtcTime&, const UtcTime&) = default;
};

/// Nanoseconds since boot, CLOCK_BOOTTIME: monotonic, goes on during suspend, and the same for
/// every process until the next boot, so a successor of this process can go on with it.
struct BootTime {
  std::int64_t ns = 0;
  friend auto operator<=>(const BootTime&, const BootTime&) = default;
  friend Nanoseconds operator-(BootTime a, BootTime b) { return Nanoseconds(a.ns - b.ns); }
  friend BootTime operator+(BootTime a, Nanoseconds d) { return BootTime{a.ns + d.count()}; }
};

UtcTime utc_now();
BootTime boot_now();

/// @return "2026-11-22T22:08:01.123Z".
std::string to_iso8601(UtcTime time);
/// Parses what to_iso8601 writes (fraction optional). @errors kInvalidArgument.
Result<UtcTime> parse_iso8601(std::string_view text);

/// @return for people, two significant units at most: "870 µs", "5.2 ms", "3 min 4 s", "2 d 3 h".
std::string to_human(Nanoseconds duration);

}  // namespace nines
