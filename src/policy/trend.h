// Will a resource that grows reach its limit? From its readings: a robust slope over several spans
// of time at once, and rules against all that grows and comes back by itself. docs/prediction.md
// explains them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "policy/forecast.h"

namespace nines::policy {

struct Reading {
  BootTime time;
  /// >= 0, in any unit.
  double value = 0;
  /// In the same unit; infinity: there is none, and nothing is forecast.
  double limit = 0;
};

struct TrendSettings {
  /// Nothing is said about what is farther away.
  Nanoseconds max_horizon = std::chrono::hours(7 * 24);
  /// Nor farther than this multiple of the span that the trend was seen in.
  double horizon_per_observed = 1.5;
  /// It is time to act when the limit may come sooner than this. A caller that knows how long a
  /// replacement takes sets max(10 min, a multiple of it).
  Nanoseconds act_before = std::chrono::minutes(10);
  /// It is time to act when a growing value is above this share of the limit.
  double act_above = 0.85;
  /// No warning while the value is below this share of the limit.
  double warn_above = 0.3;
};

class TrendPredictor {
 public:
  explicit TrendPredictor(Predictor predictor, TrendSettings settings = {});
  TrendPredictor(TrendPredictor&&) noexcept;
  TrendPredictor& operator=(TrendPredictor&&) noexcept;
  ~TrendPredictor();

  /// Takes any number: a reading that is not finite, negative or older than the last is ignored;
  /// with a limit that is infinite, not a number, not positive or below the value, nothing is
  /// forecast.
  /// @return a forecast at most twice in an episode: the warning, then that it is time to act.
  std::optional<Forecast> add(const Reading& reading);

  /// A new instance: the readings so far are of another process, and the episode is over. What was
  /// learned about growth that comes back by itself is kept: the load is the same.
  void restart();

  /// When the next reading is wanted: 1 s after start and near the limit, up to 30 s otherwise.
  Nanoseconds next_reading_in() const;

  /// Bytes of this predictor, with all that it has allocated.
  std::size_t memory_bytes() const;

 private:
  class State;
  Predictor predictor_;
  TrendSettings settings_;
  std::unique_ptr<State> state_;  // from the first usable reading on
};

}  // namespace nines::policy
