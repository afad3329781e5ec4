// How good the predictors are. Pure: warnings and downtimes in, numbers out.
//
// A predictor NAME is whatever emits "predict.NAME". Of each warning, with its horizon, one is
// true:
//   came true   an unplanned downtime began after it and no later than its horizon
//   acted on    before that could happen the unit was replaced or stopped by plan
//   ("unit.rejuvenated",
//               a planned downtime): nobody can say what would have come, so it counts neither way
//   pending     neither so far, and the horizon ends after the window
//   false       neither, and the horizon is over
// precision     came true / (came true + false)
// recall        failures foretold / failures, where a failure is an unplanned downtime that began
// in
//               the window, and foretold if a warning that nobody acted on before reaches to it.
//               Several warnings of one failure all came true, the failure counts once.
// lead time     from the first warning that reaches to a failure until the failure
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "ledger/analysis.h"

namespace nines::ledger {

struct PredictorScore {
  std::string predictor{};  ///< "memory"; empty: all of them together
  std::size_t warned = 0;
  std::size_t came_true = 0;
  std::size_t false_alarms = 0;
  std::size_t acted_on = 0;
  std::size_t pending = 0;
  std::size_t failures = 0;  ///< the same of every predictor: what each could have foretold
  std::size_t foretold = 0;
  std::optional<Nanoseconds> lead_median{};  ///< empty: nothing was foretold
  std::optional<Nanoseconds> lead_least{};

  std::optional<double> precision() const;  ///< 0..1; empty: nothing to divide by
  std::optional<double> recall() const;
};

struct Scores {
  PredictorScore all;
  std::vector<PredictorScore> predictors;  ///< by name
};

/// What became of a unit, as far as warnings are judged by it.
class Outcomes {
 public:
  /// @param spans           in any order
  /// @param rejuvenations   times of "unit.rejuvenated", in any order
  Outcomes(std::span<const DownSpan> spans, std::vector<UtcTime> rejuvenations);

 private:
  friend class Scoring;
  struct Failure {
    std::int64_t start;
    bool is_app;
  };
  std::vector<Failure> failures_;        // by time
  std::vector<std::int64_t> below_app_;  // those of the operating system and the hardware
  std::vector<std::int64_t> actions_;    // by time
};

/// Adds up warnings and failures of any number of units.
class Scoring {
 public:
  /// The window that scores are about is [from, to).
  Scoring(UtcTime from, UtcTime to) : from_(from), to_(to) {}

  /// Judges those of `warnings` that were given in the window. @pre  they are about this unit.
  void add_warnings(std::span<const Prediction> warnings, const Outcomes& outcomes);
  /// Counts the failures in the window, and who foretold them.
  /// @param warnings  all that may tell of this unit: its own and the host's, by time, also those
  ///                  from before the window.
  /// @param since     failures before it do not count: the unit was first seen then.
  void add_failures(std::span<const Prediction> warnings, const Outcomes& outcomes, UtcTime since);

  Scores scores() const;

 private:
  struct Tally {
    PredictorScore score;
    std::vector<Nanoseconds> leads;
  };
  Tally& tally_of(const std::string& predictor);
  PredictorScore finished(const Tally& tally) const;

  UtcTime from_;
  UtcTime to_;
  std::size_t failures_ = 0;
  Tally all_;
  std::map<std::string, Tally> by_name_;
};

}  // namespace nines::ledger
