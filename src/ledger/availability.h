// How much of a window a unit was up. Pure: intervals in, numbers out.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/clock.h"
#include "ledger/event.h"

namespace nines::ledger {

struct Availability {
  UtcTime from;  ///< the window that was judged: [from, to)
  UtcTime to;
  double up_fraction = 1.0;  ///< 1 for an empty window
  Nanoseconds downtime{0};
  Nanoseconds planned{0};
  Nanoseconds unplanned{0};
  std::size_t intervals = 0;  ///< that touch the window
  std::size_t planned_intervals = 0;
  std::optional<DowntimeInterval> last;  ///< the latest of them, whole; may be open
};

/// @param  intervals  of one unit, in any order; time that two of them share counts once, for the
///                    one that began first.
/// @param  now        end of what is known: an open interval reaches to here, and the window is cut
///                    here, since the future is neither up nor down.
Availability availability(std::span<const DowntimeInterval> intervals, UtcTime from, UtcTime to,
                          UtcTime now);

}  // namespace nines::ledger
