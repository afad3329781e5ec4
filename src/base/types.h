// Strong types for what would otherwise be bare integers.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace nines {

/// Start time of a process in clock ticks since boot: field 22 of /proc/PID/stat.
/// @source proc_pid_stat(5)
enum class StartTime : std::uint64_t { kUnknown = 0 };

/// Names one process for its whole life: a pid alone is recycled, a pid with its start time is not.
struct ProcessId {
  pid_t pid = 0;
  StartTime start = StartTime::kUnknown;

  bool valid() const { return pid > 0; }
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

/// A size in bytes.
struct Bytes {
  std::uint64_t count = 0;
  friend auto operator<=>(const Bytes&, const Bytes&) = default;
};
inline constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes{n << 10};
}
inline constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes{n << 20};
}

/// @return e.g. "512 B", "10.0 MiB".
std::string to_string(Bytes bytes);

}  // namespace nines

template <>
struct std::hash<nines::ProcessId> {
  std::size_t operator()(const nines::ProcessId& id) const noexcept {
    return std::hash<std::uint64_t>()((static_cast<std::uint64_t>(id.pid) << 40) ^
                                      static_cast<std::uint64_t>(id.start));
  }
};
