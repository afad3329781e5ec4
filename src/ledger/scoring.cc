#include "ledger/scoring.h"

#include <algorithm>
#include <queue>
#include <set>
#include <tuple>

namespace nines::ledger {
namespace {

/// The first of `times` after `time` and not after `last`.
std::optional<std::int64_t> first_within(const std::vector<std::int64_t>& times, std::int64_t time,
                                         std::int64_t last) {
  const auto found = std::upper_bound(times.begin(), times.end(), time);
  if (found == times.end() || *found > last) return std::nullopt;
  return *found;
}

/// Warnings of one predictor that reach to the present of a sweep through time.
class Active {
 public:
  void add(const Prediction& warning) {
    const std::int64_t time = warning.time.ns;
    times_.insert(time);
    ends_.emplace(time + warning.horizon.count(), time);
  }
  void clear() { *this = Active(); }
  /// @return  when the first of those that reach to `now` was given.
  std::optional<std::int64_t> earliest_reaching(std::int64_t now) {
    while (!ends_.empty() && ends_.top().first < now) {
      times_.erase(times_.find(ends_.top().second));
      ends_.pop();
    }
    if (times_.empty()) return std::nullopt;
    return *times_.begin();
  }

 private:
  using End = std::pair<std::int64_t, std::int64_t>;  // of the horizon, and when it was given
  std::multiset<std::int64_t> times_;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
};

/// The warnings that reach to the failures of a unit, as time goes by.
class Sweep {
 public:
  Sweep(std::span<const Prediction> warnings, const std::vector<std::int64_t>& actions)
      : warnings_(warnings), actions_(actions) {}

  /// By predictor, when its first warning of a failure at `start` was given.
  /// @pre  failures are asked for in the order of time.
  std::map<std::string, std::int64_t> foretelling(std::int64_t start, bool is_app) {
    // A warning must come before the failure; an action at the same time is in time.
    while (next_warning_ < warnings_.size() && warnings_[next_warning_].time.ns < start) {
      const Prediction& warning = warnings_[next_warning_++];
      act_until(warning.time.ns);
      active_[{warning.predictor, warning.of_host}].add(warning);
    }
    act_until(start);
    std::map<std::string, std::int64_t> found;
    for (auto& [key, active] : active_) {
      const auto& [predictor, of_host] = key;
      if (of_host && is_app) continue;
      const auto time = active.earliest_reaching(start);
      if (!time) continue;
      const auto [known, is_new] = found.try_emplace(predictor, *time);
      if (!is_new) known->second = std::min(known->second, *time);
    }
    return found;
  }

 private:
  void act_until(std::int64_t time) {
    while (next_action_ < actions_.size() && actions_[next_action_] <= time) {
      ++next_action_;
      for (auto& [key, active] : active_) active.clear();
    }
  }

  std::span<const Prediction> warnings_;
  const std::vector<std::int64_t>& actions_;
  std::size_t next_warning_ = 0;
  std::size_t next_action_ = 0;
  std::map<std::pair<std::string, bool>, Active> active_;
};

std::optional<double> ratio(std::size_t part, std::size_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// Of an even number the lower of the two in the middle: a lead that there really was.
Nanoseconds median_of(std::vector<Nanoseconds> leads) {
  const auto middle = leads.begin() + static_cast<std::ptrdiff_t>((leads.size() - 1) / 2);
  std::nth_element(leads.begin(), middle, leads.end());
  return *middle;
}

}  // namespace

std::optional<double> PredictorScore::precision() const {
  return ratio(came_true, came_true + false_alarms);
}

std::optional<double> PredictorScore::recall() const {
  return ratio(foretold, failures);
}

Outcomes::Outcomes(std::span<const DownSpan> spans, std::vector<UtcTime> rejuvenations) {
  for (const DownSpan& span : spans) {
    if (span.planned) {
      actions_.push_back(span.start.ns);
    } else {
      failures_.push_back({span.start.ns, is_app(span.cell)});
      if (!is_app(span.cell)) below_app_.push_back(span.start.ns);
    }
  }
  for (const UtcTime time : rejuvenations) actions_.push_back(time.ns);
  std::sort(failures_.begin(), failures_.end(),
            [](const Failure& a, const Failure& b) { return a.start < b.start; });
  std::sort(below_app_.begin(), below_app_.end());
  std::sort(actions_.begin(), actions_.end());
}

Scoring::Tally& Scoring::tally_of(const std::string& predictor) {
  Tally& tally = by_name_[predictor];
  tally.score.predictor = predictor;
  return tally;
}

void Scoring::add_warnings(std::span<const Prediction> warnings, const Outcomes& outcomes) {
  std::vector<std::int64_t> all_failures;
  all_failures.reserve(outcomes.failures_.size());
  for (const auto& failure : outcomes.failures_) all_failures.push_back(failure.start);
  for (const Prediction& warning : warnings) {
    if (warning.time < from_ || warning.time >= to_) continue;
    const std::int64_t end = warning.time.ns + warning.horizon.count();
    // What began after the window is none of its business, though it may be known.
    const std::int64_t last = std::min(end, to_.ns - 1);
    const auto failure =
        first_within(warning.of_host ? outcomes.below_app_ : all_failures, warning.time.ns, last);
    const auto action = first_within(outcomes.actions_, warning.time.ns, failure.value_or(last));
    for (PredictorScore* score : {&all_.score, &tally_of(warning.predictor).score}) {
      ++score->warned;
      if (action) {
        ++score->acted_on;
      } else if (failure) {
        ++score->came_true;
      } else if (end >= to_.ns) {
        ++score->pending;
      } else {
        ++score->false_alarms;
      }
    }
  }
}

void Scoring::add_failures(std::span<const Prediction> warnings, const Outcomes& outcomes,
                           UtcTime since) {
  Sweep sweep(warnings, outcomes.actions_);
  const std::int64_t from = std::max(from_.ns, since.ns);
  for (const auto& failure : outcomes.failures_) {
    if (failure.start < from || failure.start >= to_.ns) continue;
    ++failures_;
    const auto foretelling = sweep.foretelling(failure.start, failure.is_app);
    if (foretelling.empty()) continue;
    std::int64_t earliest = failure.start;
    const auto count = [&](Tally& tally, std::int64_t warned_at) {
      ++tally.score.foretold;
      tally.leads.emplace_back(failure.start - warned_at);
    };
    for (const auto& [predictor, warned_at] : foretelling) {
      count(tally_of(predictor), warned_at);
      earliest = std::min(earliest, warned_at);
    }
    count(all_, earliest);
  }
}

PredictorScore Scoring::finished(const Tally& tally) const {
  PredictorScore score = tally.score;
  score.failures = failures_;
  if (tally.leads.empty()) return score;
  score.lead_median = median_of(tally.leads);
  score.lead_least = *std::min_element(tally.leads.begin(), tally.leads.end());
  return score;
}

Scores Scoring::scores() const {
  Scores scores{finished(all_), {}};
  for (const auto& [name, tally] : by_name_) scores.predictors.push_back(finished(tally));
  return scores;
}

}  // namespace nines::ledger
