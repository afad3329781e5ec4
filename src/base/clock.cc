#include "base/clock.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdio>
#include <ctime>

namespace nines {
namespace {

constexpr std::int64_t kMaxSeconds = INT64_MAX / 1'000'000'000 - 1;

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

UtcTime utc_now() {
  return UtcTime{read_clock(CLOCK_REALTIME)};
}
BootTime boot_now() {
  return BootTime{read_clock(CLOCK_BOOTTIME)};
}

std::string to_iso8601(UtcTime time) {
  std::int64_t seconds = time.ns / 1'000'000'000;
  std::int64_t rest = time.ns % 1'000'000'000;
  if (rest < 0) {
    --seconds;
    rest += 1'000'000'000;
  }
  const time_t as_time = static_cast<time_t>(seconds);
  tm parts{};
  gmtime_r(&as_time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     rest / 1'000'000);
}

Result<UtcTime> parse_iso8601(std::string_view text) {
  const Error bad = Error(ErrorCode::kInvalidArgument, "parse time", std::string(text))
                        .with_hint("write it like 2026-11-22T22:08:01.123Z");
  // sscanf alone would also take signs, blanks and short fields.
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kForm.size()) return bad;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return bad;
  }
  tm parts{};
  int consumed = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &consumed) != 6) {
    return bad;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const tm wanted = parts;
  const auto seconds = static_cast<std::int64_t>(timegm(&parts));
  // Nanoseconds in 64 bits end in 2262, and begin as long before 1970.
  if (seconds > kMaxSeconds || seconds < -kMaxSeconds) return bad;
  std::int64_t ns = seconds * 1'000'000'000;
  // timegm normalizes (31 February becomes March): such a date was never meant.
  if (wanted.tm_mon != parts.tm_mon || wanted.tm_mday != parts.tm_mday ||
      wanted.tm_hour != parts.tm_hour || wanted.tm_min != parts.tm_min ||
      wanted.tm_sec != parts.tm_sec) {
    return bad;
  }
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(consumed));
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    std::int64_t scale = 100'000'000;
    if (rest.empty() || std::isdigit(static_cast<unsigned char>(rest.front())) == 0) return bad;
    while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest.front())) != 0) {
      ns += (rest.front() - '0') * scale;
      scale /= 10;
      rest.remove_prefix(1);
    }
  }
  if (rest != "Z") return bad;
  return UtcTime{ns};
}

std::string to_human(Nanoseconds duration) {
  const std::int64_t ns = duration.count();
  if (ns < 0) return "-" + to_human(-duration);
  if (ns < 1'000'000) return fmt::format("{} µs", ns / 1000);
  if (ns < 1'000'000'000) return fmt::format("{:.1f} ms", static_cast<double>(ns) / 1e6);
  if (ns < 60'000'000'000) return fmt::format("{:.1f} s", static_cast<double>(ns) / 1e9);
  const std::int64_t seconds = ns / 1'000'000'000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds / 3600 % 24);
}

}  // namespace nines
