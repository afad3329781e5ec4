#include "ledger/availability.h"

#include <algorithm>
#include <vector>

namespace nines::ledger {

Availability availability(std::span<const DowntimeInterval> intervals, UtcTime from, UtcTime to,
                          UtcTime now) {
  Availability result;
  result.from = from;
  result.to = std::max(from, std::min(to, now));
  std::vector<const DowntimeInterval*> sorted;
  for (const DowntimeInterval& interval : intervals) sorted.push_back(&interval);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->start < b->start; });
  std::int64_t counted_to = result.from.ns;
  for (const DowntimeInterval* interval : sorted) {
    const std::int64_t end = interval->closed ? interval->end.ns : now.ns;
    const bool instant = end == interval->start.ns;
    if (interval->start >= result.to || end < result.from.ns || (end == result.from.ns && !instant))
      continue;
    ++result.intervals;
    if (interval->planned) ++result.planned_intervals;
    result.last = *interval;
    const std::int64_t begin = std::max(interval->start.ns, counted_to);
    counted_to = std::max(counted_to, std::min(end, result.to.ns));
    const Nanoseconds length(std::max<std::int64_t>(std::min(end, result.to.ns) - begin, 0));
    (interval->planned ? result.planned : result.unplanned) += length;
  }
  result.downtime = result.planned + result.unplanned;
  const auto window = static_cast<double>(result.to.ns - result.from.ns);
  if (window > 0) result.up_fraction = 1.0 - static_cast<double>(result.downtime.count()) / window;
  return result;
}

}  // namespace nines::ledger
