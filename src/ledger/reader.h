// The reading side of the database: any number of readers, beside the one writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/availability.h"
#include "ledger/event.h"
#include "ledger/sqlite.h"
#include "ledger/why.h"

namespace nines::ledger {

/// What to look for; an empty field matches all.
struct EventFilter {
  std::optional<std::string> subject = {};  ///< a unit; the empty text: events of the host
  std::string kind = {};                    ///< "unit.exit", or "unit.*" for all that begin so
  std::optional<Severity> at_least = {};
  std::optional<UtcTime> since = {};  ///< at or after
  std::optional<UtcTime> until = {};  ///< before
  /// Given: only events that arrived after this one, oldest first, for following. Else the newest,
  /// newest first.
  std::optional<std::int64_t> after_seq = {};
  std::size_t limit = 100;
};

struct Boot {
  std::string boot_id;
  std::string host;
  UtcTime first_seen;
  std::optional<UtcTime> last_heartbeat;
};

/// Opened for a request and closed after it: cheap, and it never looks into a file that has been
/// set aside meanwhile. Used by one thread at a time. Every call sees one consistent state.
class Reader {
 public:
  /// @errors kNotFound: no ledger yet. kUnsupported: another version. kCorrupt, kDenied, kIo.
  static Result<Reader> open(const std::string& path);

  Result<std::vector<StoredEvent>> events(const EventFilter& filter);
  /// @errors kNotFound.
  Result<StoredEvent> event(const std::string& id);
  /// Sequence number of the newest event, 0: none. Where following begins.
  Result<std::int64_t> last_seq();

  /// Intervals that are open: of one unit, or of all.
  Result<std::vector<StoredInterval>> open_intervals(const std::string& unit = {});
  /// Intervals of a unit that touch [from, to), oldest first.
  Result<std::vector<StoredInterval>> intervals(const std::string& unit, UtcTime from, UtcTime to);
  /// Availability over [from, to); see availability(). A unit without records was always up: ask
  /// first_seen() to know.
  Result<Availability> availability(const std::string& unit, UtcTime from, UtcTime to, UtcTime now);
  /// Time of the first event of a unit.
  Result<std::optional<UtcTime>> first_seen(const std::string& unit);
  /// Newest first.
  Result<std::vector<Boot>> boots();

  /// Why what was down was down. @errors kNotFound: the unit that is asked for never served.
  Result<WhyReport> why(const WhyQuery& query);
  /// One event with its causes and what came of it. @errors kNotFound.
  Result<EventStory> story(const std::string& id);

 private:
  explicit Reader(Database database) : database_(std::move(database)) {}
  Result<std::vector<StoredEvent>> events_where(const std::string& condition,
                                                const BlobOrText& value);
  Result<std::vector<StoredInterval>> intervals_of_cause(const std::string& event);

  Database database_;
};

}  // namespace nines::ledger
