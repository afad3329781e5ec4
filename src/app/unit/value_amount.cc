// Time spans, sizes, shares and resource limits.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "app/unit/printable.h"
#include "app/unit/value.h"

namespace nines::unit {
namespace {

Error invalid(std::string_view text, std::string_view what) {
  return Error(ErrorCode::kInvalidArgument, "parse", printable(text))
      .with_detail(fmt::format("'{}' is not {}", printable(text), what));
}

void skip_spaces(std::string_view& text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t' || text[0] == '\n'))
    text.remove_prefix(1);
}

/// A number with decimal fraction. @return false if there is none.
bool take_number(std::string_view& text, std::uint64_t& whole, double& fraction) {
  std::size_t digits = 0;
  whole = 0;
  fraction = 0;
  auto is_digit = [&](std::size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  for (; is_digit(digits); ++digits) {
    const auto digit = static_cast<std::uint64_t>(text[digits] - '0');
    if (__builtin_mul_overflow(whole, std::uint64_t{10}, &whole)) return false;
    if (__builtin_add_overflow(whole, digit, &whole)) return false;
  }
  std::size_t used = digits;
  if (used < text.size() && text[used] == '.') {
    double scale = 0.1;
    for (++used; is_digit(used); ++used, ++digits, scale /= 10)
      fraction += scale * (text[used] - '0');
  }
  const bool bare_dot = used > 0 && text[used - 1] == '.';
  if (digits == 0 || bare_dot) return false;
  text.remove_prefix(used);
  return true;
}

struct TimeUnit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kDay = 86'400 * kSecond;
/// @source systemd.time(7) "Parsing Time Spans": a month is 30.44 days, a year 365.25.
constexpr TimeUnit kTimeUnits[] = {
    {"nsec", 1},
    {"ns", 1},
    {"usec", 1000},
    {"us", 1000},
    {"µs", 1000},
    {"μs", 1000},
    {"msec", 1'000'000},
    {"ms", 1'000'000},
    {"seconds", kSecond},
    {"second", kSecond},
    {"sec", kSecond},
    {"s", kSecond},
    {"minutes", 60 * kSecond},
    {"minute", 60 * kSecond},
    {"min", 60 * kSecond},
    {"m", 60 * kSecond},
    {"hours", 3600 * kSecond},
    {"hour", 3600 * kSecond},
    {"hr", 3600 * kSecond},
    {"h", 3600 * kSecond},
    {"days", kDay},
    {"day", kDay},
    {"d", kDay},
    {"weeks", 7 * kDay},
    {"week", 7 * kDay},
    {"w", 7 * kDay},
    {"months", 2'629'800 * kSecond},
    {"month", 2'629'800 * kSecond},
    {"M", 2'629'800 * kSecond},
    {"years", 31'557'600 * kSecond},
    {"year", 31'557'600 * kSecond},
    {"y", 31'557'600 * kSecond},
};

/// Takes a unit's name; a missing one means `bare`. @return 0 for an unknown name.
std::uint64_t take_time_unit(std::string_view& text, std::uint64_t bare) {
  const std::size_t length = text.find_first_of("0123456789. \t\n");
  const std::string_view name = text.substr(0, length);
  if (name.empty()) return bare;
  for (const TimeUnit& unit : kTimeUnits) {
    if (unit.name != name) continue;
    text.remove_prefix(name.size());
    return unit.nanoseconds;
  }
  return 0;
}

constexpr auto kMaxNanoseconds =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

bool add_product(std::uint64_t whole, double fraction, std::uint64_t unit, std::uint64_t& sum) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(whole, unit, &product)) return false;
  if (__builtin_add_overflow(sum, product, &sum)) return false;
  const auto part = static_cast<std::uint64_t>(std::llround(fraction * static_cast<double>(unit)));
  return !__builtin_add_overflow(sum, part, &sum);
}

rlim_t resource_number(int resource, std::string_view text, bool& valid) {
  valid = true;
  if (text == "infinity") return RLIM_INFINITY;
  switch (resource) {
    case RLIMIT_CPU:
    case RLIMIT_RTTIME: {
      const Nanoseconds unit = resource == RLIMIT_CPU ? Nanoseconds(std::chrono::seconds(1))
                                                      : std::chrono::microseconds(1);
      const Result<TimeSpan> span = parse_time_span(text, unit);
      valid = span.has_value() && span->has_value();
      if (!valid) return 0;
      const auto per_unit = static_cast<rlim_t>(unit.count());
      return (static_cast<rlim_t>((*span)->count()) + per_unit - 1) / per_unit;  // rounded up
    }
    case RLIMIT_NICE: {
      const bool level = text.starts_with('+') || text.starts_with('-');
      const Result<std::int64_t> number =
          level ? parse_integer(text, -20, 19) : parse_integer(text, 0, 40);
      valid = number.has_value();
      if (!valid) return 0;
      return static_cast<rlim_t>(level ? 20 - *number : *number);
    }
    case RLIMIT_NOFILE:
    case RLIMIT_NPROC:
    case RLIMIT_LOCKS:
    case RLIMIT_SIGPENDING:
    case RLIMIT_RTPRIO: {
      const Result<std::uint64_t> number = parse_unsigned(text);
      valid = number.has_value();
      return valid ? *number : 0;
    }
    default: {
      const Result<Bytes> size = parse_size(text);
      valid = size.has_value();
      return valid ? size->count : 0;
    }
  }
}

}  // namespace

Result<TimeSpan> parse_time_span(std::string_view text, Nanoseconds unit) {
  constexpr std::string_view kWhat = "a time span such as 5s, 1min 30s or infinity";
  std::string_view rest = text;
  skip_spaces(rest);
  if (rest == "infinity") return TimeSpan();
  if (rest.empty()) return invalid(text, kWhat);
  std::uint64_t sum = 0;
  while (!rest.empty()) {
    std::uint64_t whole = 0;
    double fraction = 0;
    if (!take_number(rest, whole, fraction)) return invalid(text, kWhat);
    skip_spaces(rest);
    const std::uint64_t scale = take_time_unit(rest, static_cast<std::uint64_t>(unit.count()));
    if (scale == 0) return invalid(text, kWhat);
    if (!add_product(whole, fraction, scale, sum) || sum > kMaxNanoseconds) {
      return invalid(text, "a time span below 292 years; write infinity for none");
    }
    skip_spaces(rest);
  }
  return TimeSpan(Nanoseconds(static_cast<std::int64_t>(sum)));
}

Result<Nanoseconds> parse_finite_time_span(std::string_view text) {
  NINES_ASSIGN(const TimeSpan span, parse_time_span(text));
  if (!span) return invalid(text, "possible here: it needs a finite time");
  return *span;
}

Result<TimeSpan> parse_timeout(std::string_view text) {
  NINES_ASSIGN(const TimeSpan span, parse_time_span(text));
  if (span && span->count() == 0) return TimeSpan();
  return span;
}

std::string format_time_span(Nanoseconds span) {
  constexpr TimeUnit kParts[] = {{"d", kDay},    {"h", 3600 * kSecond}, {"min", 60 * kSecond},
                                 {"s", kSecond}, {"ms", 1'000'000},     {"us", 1000},
                                 {"ns", 1}};
  std::string out;
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(span.count(), 0));
  for (const TimeUnit& part : kParts) {
    if (rest < part.nanoseconds) continue;
    out += fmt::format("{}{}{}", out.empty() ? "" : " ", rest / part.nanoseconds, part.name);
    rest %= part.nanoseconds;
  }
  return out.empty() ? "0" : out;
}

Result<Bytes> parse_size(std::string_view text) {
  constexpr std::string_view kWhat = "a size such as 4096, 64K or 1.5G";
  constexpr std::string_view kSuffixes = "BKMGTPE";
  std::string_view rest = text;
  std::uint64_t whole = 0;
  double fraction = 0;
  if (!take_number(rest, whole, fraction)) return invalid(text, kWhat);
  std::uint64_t scale = 1;
  skip_spaces(rest);
  if (!rest.empty()) {
    const std::size_t power = kSuffixes.find(rest[0]);
    if (power == std::string_view::npos || rest.size() > 1) return invalid(text, kWhat);
    scale = std::uint64_t{1} << (10 * power);
  }
  std::uint64_t sum = 0;
  if (!add_product(whole, fraction, scale, sum)) return invalid(text, "a size below 16 EiB");
  return Bytes{sum};
}

Result<double> parse_percentage(std::string_view text, double max) {
  std::string_view rest = text;
  std::uint64_t whole = 0;
  double fraction = 0;
  constexpr std::uint64_t kMaxWhole = 1'000'000;
  const bool shaped = take_number(rest, whole, fraction) && rest == "%" && whole <= kMaxWhole;
  const double share = (static_cast<double>(whole) + fraction) / 100;
  // A small tolerance, since fractions such as 99.95 have no exact binary form.
  if (!shaped || share > max + 1e-12) {
    return invalid(text, fmt::format("a percentage from 0% to {}%", max * 100));
  }
  return share;
}

Result<std::optional<Bytes>> parse_size_or_share(std::string_view text, Bytes whole) {
  if (text == "infinity") return std::optional<Bytes>();
  if (!text.ends_with('%')) {
    NINES_ASSIGN(const Bytes size, parse_size(text));
    return std::optional<Bytes>(size);
  }
  NINES_ASSIGN(const double share, parse_percentage(text));
  return std::optional<Bytes>(
      Bytes{static_cast<std::uint64_t>(share * static_cast<double>(whole.count))});
}

Result<rlimit> parse_rlimit(int resource, std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view soft = text.substr(0, colon);
  const std::string_view hard = colon == std::string_view::npos ? soft : text.substr(colon + 1);
  bool soft_valid = false;
  bool hard_valid = false;
  rlimit limit{};
  limit.rlim_cur = resource_number(resource, soft, soft_valid);
  limit.rlim_max = resource_number(resource, hard, hard_valid);
  if (!soft_valid || !hard_valid) {
    return invalid(text, "a limit such as 1024, 512:1024 or infinity");
  }
  if (limit.rlim_cur > limit.rlim_max) {
    return invalid(text, "possible: the soft limit is above the hard one");
  }
  return limit;
}

}  // namespace nines::unit
