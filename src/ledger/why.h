// The answers of `nines why`: a report over a window, and the story of one event.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ledger/advice.h"
#include "ledger/analysis.h"
#include "ledger/event.h"
#include "ledger/scoring.h"

namespace nines::ledger {

/// An event as it is in the ledger.
struct StoredEvent {
  std::int64_t seq = 0;  ///< order of arrival, ever growing
  Event event;
  std::string boot_id;
  std::string host;
};

struct StoredInterval {
  DowntimeInterval interval;
  std::string boot_id;  ///< in which it began
  std::string note;     ///< why it is not as it was reported, or empty
};

struct WhyQuery {
  std::string unit;  ///< its whole name, or kHostUnit; empty: all
  UtcTime from;
  UtcTime to;  ///< not after now
  /// What whoever asks knows of a unit; without it there are no budgets and advice is general.
  std::function<std::optional<double>(const std::string& unit)> target = {};
  std::function<UnitFacts(const std::string& unit)> facts = {};
};

struct WhyReport {
  UtcTime from;
  UtcTime to;
  UnitReport host;                ///< how long the host itself was away
  std::vector<UnitReport> units;  ///< what is down first, then by availability
  // Of all units together; the host is none of them.
  Nanoseconds downtime{0};
  Nanoseconds planned{0};
  Nanoseconds unplanned{0};
  Nanoseconds predictable{0};
  std::array<Nanoseconds, kCells> by_cell{};
  std::vector<CauseTally> causes;  ///< the costliest first
  /// Of the units that were asked for; with all of them, also the host's own warnings are judged.
  Scores predictors{};
};

struct EventStory {
  StoredEvent event;
  std::vector<StoredEvent> causes;        ///< what caused it, what caused that, ...
  std::vector<StoredEvent> effects;       ///< what it caused, the oldest first
  std::vector<StoredEvent> before;        ///< of the same unit shortly before, the oldest first
  std::vector<StoredInterval> downtimes;  ///< that it, or the first of its causes, began
  std::optional<StoredEvent> predicted_by;
  Cause cause;   ///< the class of that beginning
  Advice avoid;  ///< general; empty text: it began no downtime
};

/// How much of a story is told.
inline constexpr std::size_t kMaxCauses = 32;
inline constexpr std::size_t kMaxEffects = 50;
inline constexpr std::size_t kMaxBefore = 5;
inline constexpr Nanoseconds kShortlyBefore = std::chrono::minutes(10);

/// What an event of kind "predict.*" says: its horizon is "horizon_s" in the detail, a number of
/// seconds or a text of one; kDefaultHorizon without it.
Prediction prediction_of(const Event& event);

/// Puts the reports of single units together and adds the advice.
WhyReport summarise(const WhyQuery& query, UnitReport host, std::vector<UnitReport> units);

}  // namespace nines::ledger
