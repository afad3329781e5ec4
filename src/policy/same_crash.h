// The same crash again: when is the next one to be expected? Needs no rising rate, unlike
// RecurrencePredictor: a fault that has the same signature is the same fault, and stays until it is
// mended.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "policy/forecast.h"

namespace nines::policy {

/// Fewer of one kind say nothing about the time between them.
inline constexpr std::uint64_t kLeastSameCrashes = 3;

/// @param count  crashes with this signature until now, of which `last` is the newest.
/// @param what   names the crash.
/// @return its rate taken as constant (intervals are exponential): the mean time to the next one,
///         and until when it will have come with 5 % (earliest) and 95 % (latest) probability.
///         `value` is crashes per hour, `limit` infinity; never urgent, since a fresh process has
///         the same fault. Nothing for fewer than kLeastSameCrashes, or for times that are no
///         order.
std::optional<Forecast> expect_again(std::uint64_t count, UtcTime first, UtcTime last,
                                     std::string_view what);

}  // namespace nines::policy
