// Warnings that failures are coming, and what was done about them, read from the database. Private
// to the room.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "ledger/analysis.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// So many at most, the newest: a detector that floods the ledger must not make every answer slow.
inline constexpr std::int64_t kMaxPredictions = 20'000;
/// So many kinds are told apart, in the order of time; the others are "other".
inline constexpr std::size_t kMaxPredictors = 32;

/// Behind kEventColumns. Parameters: kinds, least severity, from, to, how many.
inline constexpr const char* kPredictionsCondition =
    "WHERE e.kind IN (SELECT id FROM names WHERE text GLOB ?1) AND e.severity >= ?2 AND "
    "e.time_ns >= ?3 AND e.time_ns < ?4 ORDER BY e.time_ns DESC LIMIT ?5";
/// Parameters: kind, from, to (nanoseconds), how many.
inline constexpr const char* kActionsQuery =
    "SELECT s.text, e.time_ns FROM events e JOIN names s ON s.id = e.subject WHERE e.kind = "
    "(SELECT id FROM names WHERE text = ?1) AND e.time_ns >= ?2 AND e.time_ns < ?3 "
    "ORDER BY e.time_ns DESC LIMIT ?4";

class Warnings {
 public:
  /// Reads what may tell of failures in [from, to).
  static Result<Warnings> read(Database* database, UtcTime from, UtcTime to);

  bool empty() const { return by_subject_.empty(); }
  /// Those about a unit, by time; of the host under the empty name.
  std::span<const Prediction> about(const std::string& unit) const;
  /// The same together with those of the host, which may tell of any unit.
  std::vector<Prediction> that_may_tell_of(const std::string& unit) const;
  std::vector<UtcTime> rejuvenations(const std::string& unit) const;

 private:
  std::map<std::string, std::vector<Prediction>> by_subject_;
  std::map<std::string, std::vector<UtcTime>> rejuvenations_;
};

}  // namespace nines::ledger
