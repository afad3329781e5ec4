// What the restart rules remember about one unit, and how it survives a kill -9 of the daemon.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "app/unit/spec.h"
#include "base/clock.h"
#include "base/result.h"

namespace nines::supervise {

/// Restart memory of one unit. Valid within one boot: BootTime starts anew with the next.
struct RestartState {
  unsigned attempt = 0;                 ///< restarts in a row without a healthy uptime between them
  unsigned total_restarts = 0;          ///< of all automatic restarts, for status and the ledger
  std::vector<BootTime> recent_starts;  ///< starts in the current start-limit window, oldest first
  std::string crash_signature;          ///< of the last crash that was diagnosed
  std::vector<BootTime> same_crashes;   ///< the last ones of that signature, oldest first

  friend bool operator==(const RestartState&, const RestartState&) = default;
};

/// {"attempt":2,"total_restarts":7,"recent_starts_ns":[...]}
nlohmann::json to_json(const RestartState& state);
/// @errors kCorrupt: not what to_json writes. A missing key is its default, so that older files
///         can be read.
Result<RestartState> restart_state_from_json(const nlohmann::json& json);

/// Counts one start, automatic or by hand. The caller calls it for every start, right before it.
/// Does nothing for a unit without a start limit of its own.
void record_start(const unit::Unit& unit, BootTime now, RestartState& state);

/// So many crashes with one signature are a habit, if they come within so many times
/// HealthyUptime=.
inline constexpr std::size_t kSameCrashes = 3;
inline constexpr int kSameCrashWindow = 30;

/// A crash was diagnosed. @param when  it crashed.
void record_crash(std::string_view signature, BootTime when, RestartState& state);

/// Whether the unit crashes the same way again and again, however healthy it was in between:
/// kSameCrashes within kSameCrashWindow times HealthyUptime=. One that crashes once a day does not.
bool crashes_the_same_way(const unit::NinesSection& nines, BootTime now, const RestartState& state);

/// @return false when a start at `when` would be more than StartLimitBurst= starts within
///         StartLimitIntervalSec=. Always true unless the unit itself sets one of them: nobody's
///         default makes us give up. The one that is not set has systemd's default (5 starts,
///         10 s); 0 for either means no limit.
/// @source systemd.unit(5); systemd's ratelimit_below(): a window begins with the first start
///         after the last window ended, it does not slide.
bool start_permitted(const unit::Unit& unit, BootTime when, const RestartState& state);

}  // namespace nines::supervise
