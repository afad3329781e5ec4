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

nlohmann::json times_json(const std::vector<BootTime>& times) {
  nlohmann::json out = nlohmann::json::array();
  for (const BootTime time : times) out.push_back(time.ns);
  return out;
}

Result<std::vector<BootTime>> times_in(const nlohmann::json& json, const char* key) {
  std::vector<BootTime> times;
  const auto found = json.find(key);
  if (found == json.end()) return times;
  if (!found->is_array()) {
    return Error(ErrorCode::kCorrupt, "read restart state", key).with_detail("not an array");
  }
  for (const nlohmann::json& time : *found) {
    if (!time.is_number_integer()) {
      return Error(ErrorCode::kCorrupt, "read restart state", key)
          .with_detail("not a number of nanoseconds");
    }
    times.push_back(BootTime{time.get<std::int64_t>()});
  }
  return times;
}

}  // namespace

nlohmann::json to_json(const RestartState& state) {
  nlohmann::json starts = times_json(state.recent_starts);
  return {{"attempt", state.attempt},
          {"total_restarts", state.total_restarts},
          {"recent_starts_ns", std::move(starts)},
          {"crash_signature", state.crash_signature},
          {"same_crashes_ns", times_json(state.same_crashes)}};
}

Result<RestartState> restart_state_from_json(const nlohmann::json& json) {
  if (!json.is_object()) {
    return Error(ErrorCode::kCorrupt, "read restart state").with_detail("not an object");
  }
  RestartState state;
  NINES_ASSIGN(state.attempt, counter(json, "attempt"));
  NINES_ASSIGN(state.total_restarts, counter(json, "total_restarts"));
  NINES_ASSIGN(state.recent_starts, times_in(json, "recent_starts_ns"));
  NINES_ASSIGN(state.same_crashes, times_in(json, "same_crashes_ns"));
  const auto signature = json.find("crash_signature");
  if (signature == json.end()) return state;
  if (!signature->is_string()) {
    return Error(ErrorCode::kCorrupt, "read restart state", "crash_signature")
        .with_detail("not a text");
  }
  state.crash_signature = signature->get<std::string>();
  return state;
}

void record_crash(std::string_view signature, BootTime when, RestartState& state) {
  if (state.crash_signature != signature) {
    state.crash_signature = signature;
    state.same_crashes.clear();
  }
  if (state.same_crashes.size() >= kSameCrashes)
    state.same_crashes.erase(state.same_crashes.begin());
  state.same_crashes.push_back(when);
}

bool crashes_the_same_way(const unit::NinesSection& nines, BootTime now,
                          const RestartState& state) {
  if (state.same_crashes.size() < kSameCrashes) return false;
  const Nanoseconds age = now - state.same_crashes.front();
  // A negative age is a state of an earlier boot. Divided: HealthyUptime= may be any time.
  return age >= Nanoseconds(0) && age / kSameCrashWindow <= nines.healthy_uptime;
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
