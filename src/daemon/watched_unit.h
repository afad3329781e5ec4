// What is known of one unit that may fail: its predictors, fed with readings, deaths and the
// latency of its health check.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/usage/usage.h"
#include "base/clock.h"
#include "base/id128.h"
#include "base/sparse.h"
#include "ledger/event.h"
#include "policy/forecast.h"
#include "policy/latency.h"
#include "policy/recurrence.h"
#include "policy/trend.h"

namespace nines::daemon {

/// A forecast, and whether a fresh process would be better off.
struct Foretold {
  policy::Forecast forecast;
  bool replacing_helps = false;
};

class WatchedUnit {
 public:
  /// A new instance of the unit serves.
  void begin(const Id128& instance);
  /// Nothing of it runs: nothing is measured until the next begin().
  void end() { serving_ = false; }
  bool serving() const { return serving_; }
  const Id128& instance() const { return instance_; }

  /// @return what the readings foretell, and when the next are wanted.
  std::vector<Foretold> take(const std::vector<usage::Usage>& usages, BootTime now);
  Nanoseconds next_in() const { return next_in_; }
  std::optional<Foretold> failed(const std::string& cause, BootTime when);
  std::optional<Foretold> answered(Nanoseconds latency, Nanoseconds timeout, BootTime now);

  usage::UnitCache& cache() { return cache_; }

  /// The id of the warning that a later, urgent forecast of the same thing belongs to; empty: there
  /// is none, and what is said now is the warning.
  std::string& warning_for(const policy::Forecast& forecast);

 private:
  using Series = std::pair<usage::Resource, std::string>;
  struct Trend {
    policy::TrendPredictor predictor;
    usage::Scope scope;
  };
  bool serving_ = false;
  Id128 instance_;
  usage::UnitCache cache_;
  Nanoseconds next_in_{0};
  Nanoseconds pause_{0};  ///< where nothing asks for the next reading sooner
  // Empty for most of perhaps a thousand units.
  Sparse<std::map<Series, Trend>> trends_;
  Sparse<std::map<std::pair<policy::Predictor, std::string>, std::string>> warnings_;
  std::unique_ptr<policy::RecurrencePredictor> recurrence_;
  std::unique_ptr<policy::LatencyPredictor> latency_;
};

/// The event that tells of a forecast: kind "predict.NAME", severity warning, with the evidence and
/// "horizon_s", by which it will have come true or not (ledger::prediction_of).
ledger::Event warning_of(const policy::Forecast& forecast, const std::string& unit);

/// The same, for a program: NINES_PREDICTOR, NINES_SUBJECT, NINES_HORIZON_SEC, NINES_UNIT.
std::map<std::string, std::string> environment_of(const policy::Forecast& forecast,
                                                  const std::string& unit);

}  // namespace nines::daemon
