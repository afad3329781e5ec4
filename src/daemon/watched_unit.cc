#include "daemon/watched_unit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace nines::daemon {
namespace {

// A unit has few: one for each resource, several where it writes to several file systems.
constexpr std::size_t kMaxSeries = 16;
// Of the limit. A series begins below what any predictor warns of, so that it sees the growth.
constexpr double kWatchedFrom = 0.05;
constexpr Nanoseconds kFirstReading = std::chrono::seconds(1);
// Nothing of it changes fast, and it is one of perhaps a thousand.
constexpr Nanoseconds kLongestPause = std::chrono::seconds(30);
// A forecast is an estimate: it is called false only once half of the latest time more is over.
constexpr double kGrace = 1.5;
constexpr Nanoseconds kLeastHorizon = std::chrono::minutes(1);

double seconds(Nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

policy::Predictor predictor_for(usage::Resource resource) {
  switch (resource) {
    case usage::Resource::kMemory: return policy::Predictor::kMemory;
    case usage::Resource::kFds: return policy::Predictor::kFds;
    case usage::Resource::kThreads: return policy::Predictor::kThreads;
    case usage::Resource::kDisk: return policy::Predictor::kDisk;
    case usage::Resource::kBacklog: return policy::Predictor::kBacklog;
  }
  return policy::Predictor::kMemory;
}

policy::TrendSettings settings() {
  policy::TrendSettings settings;
  // A replacement takes seconds, and near the limit it is looked at every second.
  settings.act_before = std::chrono::minutes(2);
  return settings;
}

}  // namespace

void WatchedUnit::begin(const Id128& instance) {
  serving_ = true;
  if (instance == instance_) return;
  instance_ = instance;
  cache_ = {};
  next_in_ = kFirstReading;
  pause_ = kFirstReading;
  // Disks outlive processes. Of what else there was the present use is another process's; what has
  // been learned of the load is kept where the limit has the same name again.
  if (!trends_.empty()) {
    auto& trends = trends_.edit();
    std::erase_if(trends,
                  [](const auto& known) { return known.second.scope == usage::Scope::kProcess; });
    for (auto& [series, trend] : trends) {
      if (series.first != usage::Resource::kDisk) trend.predictor.restart();
    }
  }
  if (!warnings_.empty()) {
    std::erase_if(warnings_.edit(),
                  [](const auto& known) { return known.first.first != policy::Predictor::kDisk; });
  }
}

std::vector<Foretold> WatchedUnit::take(const std::vector<usage::Usage>& usages, BootTime now) {
  std::vector<Foretold> foretold;
  // A young one that uses next to nothing may be about to use all.
  next_in_ = pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
  for (const usage::Usage& usage : usages) {
    const Series series{usage.resource, usage.limited_by};
    if (!trends_.contains(series)) {
      // Most units use next to nothing of most limits: there is no need to remember it.
      if (!(usage.value > kWatchedFrom * usage.limit)) continue;
      if (trends_.size() >= kMaxSeries) continue;
      Trend fresh{policy::TrendPredictor(predictor_for(usage.resource), settings()), usage.scope};
      trends_.edit().emplace(series, std::move(fresh));
    }
    policy::TrendPredictor& predictor = trends_.edit().at(series).predictor;
    auto forecast = predictor.add({now, usage.value, usage.limit});
    next_in_ = std::min(next_in_, predictor.next_reading_in());
    if (!forecast) continue;
    forecast->subject = usage.limited_by;
    // Of what others share, one that does not grow may be the one that is looked at.
    foretold.push_back({std::move(*forecast), usage.scope != usage::Scope::kShared});
  }
  return foretold;
}

std::optional<Foretold> WatchedUnit::failed(const std::string& cause, BootTime when) {
  if (!recurrence_) recurrence_ = std::make_unique<policy::RecurrencePredictor>();
  auto forecast = recurrence_->add(when, cause);
  if (!forecast) return std::nullopt;
  // After a crash there is another process already.
  return Foretold{std::move(*forecast), false};
}

std::optional<Foretold> WatchedUnit::answered(Nanoseconds latency, Nanoseconds timeout,
                                              BootTime now) {
  if (!latency_) latency_ = std::make_unique<policy::LatencyPredictor>();
  auto forecast = latency_->add(now, latency, timeout);
  if (!forecast) return std::nullopt;
  return Foretold{std::move(*forecast), true};
}

std::string& WatchedUnit::warning_for(const policy::Forecast& forecast) {
  return warnings_.edit()[{forecast.predictor, forecast.subject}];
}

ledger::Event warning_of(const policy::Forecast& forecast, const std::string& unit) {
  const Nanoseconds expected = std::max(forecast.latest, forecast.horizon);
  const double horizon = std::max(seconds(expected) * kGrace, seconds(kLeastHorizon));
  nlohmann::json detail = {{"subject", forecast.subject},
                           {"value", forecast.value},
                           {"slope_per_hour", forecast.slope_per_s * 3600},
                           {"expected_s", seconds(forecast.horizon)},
                           {"earliest_s", seconds(forecast.earliest)},
                           {"latest_s", seconds(forecast.latest)},
                           {"horizon_s", horizon},
                           {"confidence", forecast.confidence},
                           {"samples", forecast.samples},
                           {"observed_s", seconds(forecast.observed)},
                           {"urgent", forecast.urgent}};
  if (std::isfinite(forecast.limit)) detail["limit"] = forecast.limit;
  if (forecast.predictor == policy::Predictor::kSignature) {
    detail["text"] =
        fmt::format("the same crash {} times in {}; the next is expected in about {}",
                    forecast.samples, to_human(forecast.observed), to_human(forecast.horizon));
  }
  ledger::Event event;
  event.id = ledger::new_id();
  event.time = utc_now();
  event.since_boot = boot_now();
  event.cell = ledger::Cell::kAppUnplanned;
  event.kind = fmt::format("predict.{}", policy::to_string(forecast.predictor));
  event.subject = unit;
  event.severity = ledger::Severity::kWarning;
  event.detail_json = detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return event;
}

std::map<std::string, std::string> environment_of(const policy::Forecast& forecast,
                                                  const std::string& unit) {
  return {{"NINES_UNIT", unit},
          {"NINES_PREDICTOR", std::string(policy::to_string(forecast.predictor))},
          {"NINES_SUBJECT", forecast.subject},
          {"NINES_HORIZON_SEC", fmt::format("{:.0f}", seconds(forecast.horizon))}};
}

}  // namespace nines::daemon
