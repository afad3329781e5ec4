// What a history of downtimes says about a unit. Pure: intervals in, numbers out.
//
// Definitions, over a window [from, to):
//   availability   share of the window in which the unit served
//   failure        an unplanned downtime that began in the window
//   MTBF           time served / failures
//   MTTR           mean length of the failures, to their end or to `to`
//   error budget   (1 - AvailabilityTarget) of the window; planned downtime spends it too, since
//                  whoever waits for an answer does not care
//   burn rate      share of a window that was down / share that may be: 1 spends the budget exactly
//   predictable    unplanned, and a warning had been given whose horizon covers its beginning
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ledger/advice.h"
#include "ledger/cause.h"
#include "ledger/event.h"

namespace nines::ledger {

inline constexpr std::size_t kCells = 9;

/// Whether a cell is of the application, and not of what it runs on.
inline bool is_app(Cell cell) {
  return cell <= Cell::kAppProactive;
}

/// A downtime as far as the analysis looks.
struct DownSpan {
  UtcTime start;
  std::optional<Nanoseconds> duration;  ///< empty: it is down still
  Cell cell = Cell::kAppUnplanned;
  bool planned = false;
  Cause cause;
  std::string cause_event;  ///< id, or empty
};

/// A horizon that is longer is cut: a warning of last year foretells nothing.
inline constexpr Nanoseconds kMaxHorizon = std::chrono::hours(24 * 30);
/// Of a warning that names none.
inline constexpr Nanoseconds kDefaultHorizon = std::chrono::hours(1);

/// A warning that a failure is coming ("predict.*").
struct Prediction {
  UtcTime time;
  Nanoseconds horizon{0};   ///< how far ahead it looks; at most kMaxHorizon
  bool of_host = false;     ///< tells of the operating system or the hardware, not of one unit
  std::string event;        ///< id
  std::string predictor{};  ///< what warned: NAME of "predict.NAME"
};

/// One unit's past, as much of it as the window and the burn rates need.
struct History {
  std::string unit;
  std::optional<UtcTime> first_seen;    ///< nothing is known before it
  std::vector<DownSpan> spans;          ///< in any order
  std::vector<Prediction> predictions;  ///< by time, the earliest first
  std::optional<double> target;         ///< AvailabilityTarget=, 0..1
};

/// All downtime of one cause.
struct CauseTally {
  Cause cause;
  Cell cell = Cell::kAppUnplanned;
  bool planned = false;
  std::size_t times = 0;
  Nanoseconds downtime{0};  ///< inside the window
  Nanoseconds longest{0};   ///< of one of them
  std::size_t predicted = 0;
  UtcTime last;            ///< when the latest began
  std::string last_event;  ///< id of its cause event, or empty
  std::string unit;        ///< whose
  Advice avoid;            ///< filled in by whoever knows what is set up; see why.h
};

struct BurnRate {
  Nanoseconds window{0};
  double rate = 0.0;
};

struct ErrorBudget {
  double target = 0.0;
  Nanoseconds allowed{0};  ///< in the window
  Nanoseconds used{0};
  std::vector<BurnRate> burn;  ///< over the last hour, 6 hours and 3 days; see kBurnWindows
};

/// The windows by which burn rates are watched, with the rate above which each is alarming: at it,
/// a 30 days' budget loses 2 %, 5 % and 10 % in that time.
/// @source B. Beyer et al., The Site Reliability Workbook, chapter 5, table 5-8
struct BurnWindow {
  Nanoseconds length;
  double alarm;
};
inline constexpr std::array<BurnWindow, 3> kBurnWindows = {
    {{std::chrono::hours(1), 14.4}, {std::chrono::hours(6), 6.0}, {std::chrono::hours(72), 1.0}}};

struct UnitReport {
  std::string unit;
  UtcTime from;  ///< not before the unit was first seen
  UtcTime to;
  bool shortened = false;  ///< the window that was asked for begins before `from`
  double availability = 1.0;
  std::optional<double> nines;  ///< -log10(1 - availability); empty: no downtime at all
  Nanoseconds downtime{0};
  Nanoseconds planned{0};
  Nanoseconds unplanned{0};
  Nanoseconds predictable{0};  ///< part of unplanned
  std::size_t outages = 0;     ///< downtimes that touch the window
  std::size_t failures = 0;
  std::optional<Nanoseconds> mtbf;  ///< empty: no failure
  std::optional<Nanoseconds> mttr;
  std::array<Nanoseconds, kCells> by_cell{};
  std::vector<CauseTally> causes;  ///< the costliest first
  std::optional<ErrorBudget> budget;
  std::optional<UtcTime> down_since;  ///< it is down at `to`
};

/// @param  from, to  the window that is asked for; `to` is not after now.
/// @note   time that two spans share counts once, for the one that began first.
UnitReport analyse(const History& history, UtcTime from, UtcTime to);

/// The prediction that told of a failure at `start`, or nullptr: the latest before it whose horizon
/// reaches to it and which is about this kind of cell.
/// @pre  `predictions` is sorted by time.
const Prediction* predicted_by(std::span<const Prediction> predictions, UtcTime start, Cell cell);

}  // namespace nines::ledger
