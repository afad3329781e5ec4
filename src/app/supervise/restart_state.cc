#include "app/supervise/restart_state.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace nines::supervise {
namespace {

/// DefaultStartLimitBurst= and DefaultStartLimitIntervalSec= of systemd-system.conf(5).
constexpr unsigned kDefaultBurst = 5;
constexpr Nanoseconds kDefaultInterval = std::chrono::seconds(10);

struct StartLimit {
  unsigned burst;
  Nanoseconds interval;
};

std::optional<StartLimit> start_limit(const unit::Unit& unit) {
  const unit::UnitSection& section = unit.unit;
  if (!section.start_limit_burst && !section.start_limit_interval) return std::nullopt;
  const StartLimit limit{section.start_limit_burst.value_or(kDefaultBurst),
                         section.start_limit_interval.value_or(kDefaultInterval)};
  if (limit.burst == 0 || limit.interval <= Nanoseconds(0)) return std::nullopt;
  return limit;
}

bool window_is_over(const StartLimit& limit, BootTime when, const RestartState& state) {
  if (state.recent_starts.empty()) return true;
  const Nanoseconds age = when - state.recent_starts.front();
  // A negative age is a state of an earlier boot.
  return age > limit.interval || age < Nanoseconds(0);
}

Result<unsigned> counter(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end()) return 0U;
  if (!found->is_number_unsigned() ||
      found->get<std::uint64_t>() > std::numeric_limits<unsigned>::max()) {
    return Error(ErrorCode::kCorrupt, "read restart state", key)
        .with_detail("not an unsigned 32-bit number");
  }
  return found->get<unsigned>();
}

}  // namespace

nlohmann::json to_json(const RestartState& state) {
  nlohmann::json starts = nlohmann::json::array();
  for (const BootTime start : state.recent_starts) starts.push_back(start.ns);
  return {{"attempt", state.attempt},
          {"total_restarts", state.total_restarts},
          {"recent_starts_ns", std::move(starts)}};
}

Result<RestartState> restart_state_from_json(const nlohmann::json& json) {
  if (!json.is_object()) {
    return Error(ErrorCode::kCorrupt, "read restart state").with_detail("not an object");
  }
  RestartState state;
  NINES_ASSIGN(state.attempt, counter(json, "attempt"));
  NINES_ASSIGN(state.total_restarts, counter(json, "total_restarts"));
  const auto starts = json.find("recent_starts_ns");
  if (starts == json.end()) return state;
  if (!starts->is_array()) {
    return Error(ErrorCode::kCorrupt, "read restart state", "recent_starts_ns")
        .with_detail("not an array");
  }
  for (const nlohmann::json& start : *starts) {
    if (!start.is_number_integer()) {
      return Error(ErrorCode::kCorrupt, "read restart state", "recent_starts_ns")
          .with_detail("not a number of nanoseconds");
    }
    state.recent_starts.push_back(BootTime{start.get<std::int64_t>()});
  }
  return state;
}

void record_start(const unit::Unit& unit, BootTime now, RestartState& state) {
  const std::optional<StartLimit> limit = start_limit(unit);
  if (!limit) {
    state.recent_starts.clear();
    return;
  }
  if (window_is_over(*limit, now, state)) state.recent_starts.clear();
  // More than burst + 1 would tell nothing more.
  if (state.recent_starts.size() <= limit->burst) state.recent_starts.push_back(now);
}

bool start_permitted(const unit::Unit& unit, BootTime when, const RestartState& state) {
  const std::optional<StartLimit> limit = start_limit(unit);
  return !limit || window_is_over(*limit, when, state) || state.recent_starts.size() < limit->burst;
}

}  // namespace nines::supervise
