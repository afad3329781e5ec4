#include "ledger/analysis.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace nines::ledger {
namespace {

/// A span with the part of it that lies in a window and belongs to no earlier span.
struct Counted {
  const DownSpan* span;
  std::int64_t begin;
  std::int64_t end;
  Nanoseconds length() const { return Nanoseconds(std::max<std::int64_t>(end - begin, 0)); }
};

std::int64_t end_of(const DownSpan& span, UtcTime to) {
  return span.duration ? span.start.ns + span.duration->count() : std::max(to.ns, span.start.ns);
}

/// @pre `spans` is sorted by start.
template <typename Each>
void count_spans(std::span<const DownSpan* const> spans, UtcTime from, UtcTime to, Each each) {
  std::int64_t counted_to = from.ns;
  for (const DownSpan* span : spans) {
    const std::int64_t end = end_of(*span, to);
    const bool instant = end == span->start.ns;
    if (span->start >= to || end < from.ns || (end == from.ns && !instant)) continue;
    const Counted counted{span, std::max(span->start.ns, counted_to), std::min(end, to.ns)};
    counted_to = std::max(counted_to, counted.end);
    each(counted);
  }
}

Nanoseconds downtime_in(std::span<const DownSpan* const> spans, UtcTime from, UtcTime to) {
  Nanoseconds sum{0};
  count_spans(spans, from, to, [&](const Counted& counted) { sum += counted.length(); });
  return sum;
}

ErrorBudget budget_of(std::span<const DownSpan* const> spans, const UnitReport& report,
                      double target) {
  ErrorBudget budget;
  budget.target = target;
  const auto window = static_cast<double>(report.to.ns - report.from.ns);
  budget.allowed = Nanoseconds(std::llround(window * (1.0 - target)));
  budget.used = report.downtime;
  for (const BurnWindow& burn : kBurnWindows) {
    // Also where the unit is not known for that long: an alarm means that so much of a month's
    // budget is used, not that a unit which is a minute old was down for a second of it.
    const UtcTime begin{report.to.ns - burn.length.count()};
    const Nanoseconds down = downtime_in(spans, begin, report.to);
    const double share =
        static_cast<double>(down.count()) / static_cast<double>(burn.length.count());
    budget.burn.push_back({burn.length, share / (1.0 - target)});
  }
  return budget;
}

class Tallies {
 public:
  explicit Tallies(std::string unit) : unit_(std::move(unit)) {}

  void add(const Counted& counted, bool predicted) {
    const DownSpan& span = *counted.span;
    CauseTally& tally = by_key_[{span.cause, span.cell, span.planned}];
    tally.cause = span.cause;
    tally.cell = span.cell;
    tally.planned = span.planned;
    tally.unit = unit_;
    ++tally.times;
    tally.downtime += counted.length();
    tally.longest = std::max(tally.longest, counted.length());
    tally.predicted += predicted ? 1 : 0;
    if (tally.times == 1 || span.start >= tally.last) {
      tally.last = span.start;
      tally.last_event = span.cause_event;
    }
  }

  std::vector<CauseTally> costliest_first() && {
    std::vector<CauseTally> all;
    all.reserve(by_key_.size());
    for (auto& [key, tally] : by_key_) all.push_back(std::move(tally));
    std::stable_sort(all.begin(), all.end(), [](const CauseTally& a, const CauseTally& b) {
      return std::tuple(a.downtime, a.times) > std::tuple(b.downtime, b.times);
    });
    return all;
  }

 private:
  std::string unit_;
  std::map<std::tuple<Cause, Cell, bool>, CauseTally> by_key_;
};

void rate(UnitReport& report, Nanoseconds failed_for) {
  const std::int64_t window = report.to.ns - report.from.ns;
  const std::int64_t served = window - report.downtime.count();
  if (window > 0) {
    report.availability = static_cast<double>(served) / static_cast<double>(window);
    const double down = static_cast<double>(report.downtime.count()) / static_cast<double>(window);
    // From the downtime itself: 1 - 0.99999... would have lost the digits that count.
    if (down > 0) report.nines = std::max(0.0, -std::log10(down));
  }
  if (report.failures == 0) return;
  const auto failures = static_cast<std::int64_t>(report.failures);
  report.mtbf = Nanoseconds(served / failures);
  report.mttr = failed_for / failures;
}

}  // namespace

const Prediction* predicted_by(std::span<const Prediction> predictions, UtcTime start, Cell cell) {
  auto after = std::lower_bound(predictions.begin(), predictions.end(), start,
                                [](const Prediction& p, UtcTime time) { return p.time < time; });
  while (after != predictions.begin()) {
    const Prediction& prediction = *--after;
    const std::int64_t ahead = start.ns - prediction.time.ns;
    if (ahead > kMaxHorizon.count()) return nullptr;
    if (prediction.of_host && is_app(cell)) continue;
    if (ahead <= prediction.horizon.count()) return &prediction;
  }
  return nullptr;
}

UnitReport analyse(const History& history, UtcTime from, UtcTime to) {
  UnitReport report;
  report.unit = history.unit;
  report.to = to;
  report.from = std::min(std::max(from, history.first_seen.value_or(from)), to);
  report.shortened = report.from > from;

  std::vector<const DownSpan*> spans;
  spans.reserve(history.spans.size());
  for (const DownSpan& span : history.spans) spans.push_back(&span);
  std::stable_sort(spans.begin(), spans.end(),
                   [](const auto* a, const auto* b) { return a->start < b->start; });

  Tallies tallies(history.unit);
  Nanoseconds failed_for{0};
  count_spans(spans, report.from, to, [&](const Counted& counted) {
    const DownSpan& span = *counted.span;
    const Nanoseconds length = counted.length();
    const bool predicted =
        !span.planned && predicted_by(history.predictions, span.start, span.cell) != nullptr;
    ++report.outages;
    report.downtime += length;
    (span.planned ? report.planned : report.unplanned) += length;
    if (predicted) report.predictable += length;
    report.by_cell[static_cast<std::size_t>(span.cell)] += length;
    if (!span.planned && span.start >= report.from) {
      ++report.failures;
      failed_for += length;
    }
    if (!span.duration) report.down_since = span.start;
    tallies.add(counted, predicted);
  });
  rate(report, failed_for);
  report.causes = std::move(tallies).costliest_first();
  if (history.target) report.budget = budget_of(spans, report, *history.target);
  return report;
}

}  // namespace nines::ledger
