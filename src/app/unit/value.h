// Single values of unit files: numbers, time spans, sizes, signals and the like.
//
// Each function takes the text of one value without surrounding white space and fails with
// kInvalidArgument, whose detail() is a sentence for the user.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/unit/spec.h"
#include "base/result.h"

namespace nines::unit {

/// 1 yes y true t on / 0 no n false f off, in any case.
Result<bool> parse_boolean(std::string_view text);

/// A number in decimal, or octal (0...), or hexadecimal (0x...).
Result<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max);
Result<std::uint64_t> parse_unsigned(std::string_view text);

/// "5min 20s", "1.5h", "2", "infinity" (nothing). A bare number counts `unit`.
/// @source systemd.time(7)
Result<TimeSpan> parse_time_span(std::string_view text, Nanoseconds unit = std::chrono::seconds(1));
/// As parse_time_span, where "infinity" has no meaning.
Result<Nanoseconds> parse_finite_time_span(std::string_view text);
/// As parse_time_span, where 0 means no time-out, as TimeoutStartSec= and its kin say.
Result<TimeSpan> parse_timeout(std::string_view text);

/// The way back, exact: "1min 30s", "250ms", "0".
std::string format_time_span(Nanoseconds span);

/// "512", "64K", "1.5G"; powers of 1024.
Result<Bytes> parse_size(std::string_view text);
/// "99.95%" -> 0.9995; up to `max` (1.0 = 100 %).
Result<double> parse_percentage(std::string_view text, double max = 1.0);
/// parse_size, or a percentage of `whole`; nothing for "infinity".
Result<std::optional<Bytes>> parse_size_or_share(std::string_view text, Bytes whole);

/// "SIGTERM", "TERM", "15", "RTMIN+3".
Result<int> parse_signal(std::string_view text);
/// "SIGTERM".
std::string signal_name(int signal);

/// Octal, at most 07777.
Result<mode_t> parse_mode(std::string_view text);

/// "soft:hard" or one for both, in the unit of the resource: seconds for RLIMIT_CPU, microseconds
/// for RLIMIT_RTTIME, a nice level for RLIMIT_NICE, bytes for memory, else a number.
/// @source systemd.exec(5) "Process Properties"
Result<rlimit> parse_rlimit(int resource, std::string_view text);

/// Adds one word of SuccessExitStatus=: a code, the name of a code, or a signal.
/// @source systemd.exec(5) "Process Exit Codes"
Status add_exit_status(std::string_view word, ExitStatusSet& set);

/// Names of capabilities, in any case, -> bits. @source linux/capability.h
Result<std::uint64_t> parse_capability(std::string_view name);
/// Every bit that has a name.
inline constexpr std::uint64_t kAllCapabilities = (std::uint64_t{1} << 41) - 1;

/// "0-3,5 7" -> 0 1 2 3 5 7. Adds to `cpus`, which stays sorted and unique.
Status add_cpus(std::string_view text, std::vector<unsigned>& cpus);

/// A name that the environment accepts: letters, digits, '_', not a digit first.
bool valid_variable_name(std::string_view name);

}  // namespace nines::unit
