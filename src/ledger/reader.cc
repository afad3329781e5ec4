#include "ledger/reader.h"

#include "ledger/packed_id.h"
#include "ledger/reader_rows.h"
#include "ledger/schema.h"

namespace nines::ledger {
namespace {

/// The kind as a pattern for GLOB, with only the last '*' special.
std::string glob_of(std::string_view kind) {
  std::string pattern;
  for (const char c : kind.substr(0, kind.size() - 1)) {
    if (c == '*' || c == '?' || c == '[') {
      pattern += {'[', c, ']'};
    } else {
      pattern += c;
    }
  }
  return pattern + "*";
}

/// The condition of a filter. Its parameters: 1 subject, 2 kind, 3 severity, 4 since, 5 until,
/// 6 after, 7 limit; one that is not asked for is bound all the same, and not looked at.
std::string condition_of(const EventFilter& filter) {
  std::string sql = "WHERE true ";
  if (filter.subject) {
    sql += filter.subject->empty() ? "AND e.subject IS NULL "
                                   : "AND e.subject = (SELECT id FROM names WHERE text = ?1) ";
  }
  if (filter.kind.ends_with('*')) {
    sql += "AND e.kind IN (SELECT id FROM names WHERE text GLOB ?2) ";
  } else if (!filter.kind.empty()) {
    sql += "AND e.kind = (SELECT id FROM names WHERE text = ?2) ";
  }
  if (filter.at_least) sql += "AND e.severity >= ?3 ";
  if (filter.since) sql += "AND e.time_ns >= ?4 ";
  if (filter.until) sql += "AND e.time_ns < ?5 ";
  if (filter.after_seq) return sql + "AND e.seq > ?6 ORDER BY e.seq LIMIT ?7";
  return sql + "ORDER BY e.time_ns DESC, e.seq DESC LIMIT ?7";
}

}  // namespace

Result<Reader> Reader::open(const std::string& path) {
  NINES_ASSIGN(Database database, Database::open(path, OpenMode::kReadOnly));
  NINES_TRY(database.execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"));
  NINES_TRY(check_version(&database));
  return Reader(std::move(database));
}

Result<std::vector<StoredEvent>> Reader::events(const EventFilter& filter) {
  const std::string kind = filter.kind.ends_with('*') ? glob_of(filter.kind) : filter.kind;
  std::optional<std::int64_t> severity, since, until;
  if (filter.at_least) severity = static_cast<std::int64_t>(*filter.at_least);
  if (filter.since) since = filter.since->ns;
  if (filter.until) until = filter.until->ns;
  return read_all<StoredEvent>(&database_, kEventColumns + condition_of(filter), read_event,
                               filter.subject, kind, severity, since, until, filter.after_seq,
                               static_cast<std::int64_t>(filter.limit));
}

Result<StoredEvent> Reader::event(const std::string& id) {
  NINES_ASSIGN(auto found,
               read_all<StoredEvent>(&database_, kEventColumns + std::string("WHERE e.id = ?"),
                                     read_event, pack_id(id)));
  if (found.empty()) return Error(ErrorCode::kNotFound, "find event", id);
  return std::move(found.front());
}

Result<std::int64_t> Reader::last_seq() {
  return database_.value("SELECT coalesce(max(seq), 0) FROM events");
}

Result<std::vector<StoredInterval>> Reader::open_intervals(const std::string& unit) {
  return read_all<StoredInterval>(
      &database_,
      kIntervalColumns + std::string("WHERE i.duration_ns IS NULL AND (?1 = '' OR u.text = ?1) "
                                     "ORDER BY i.start_ns"),
      read_interval, unit);
}

Result<std::vector<StoredInterval>> Reader::intervals(const std::string& unit, UtcTime from,
                                                      UtcTime to) {
  // They do not overlap, so only the last one that began before the window can reach into it.
  return read_all<StoredInterval>(
      &database_,
      kIntervalColumns +
          std::string("WHERE i.unit = (SELECT id FROM names WHERE text = ?1) AND i.start_ns < ?3 "
                      "AND i.start_ns >= coalesce((SELECT max(p.start_ns) FROM intervals p WHERE "
                      "p.unit = i.unit AND p.start_ns <= ?2), ?2) AND (i.start_ns >= ?2 OR "
                      "i.duration_ns IS NULL OR i.start_ns + i.duration_ns > ?2) "
                      "ORDER BY i.start_ns, i.duration_ns"),
      read_interval, unit, from.ns, to.ns);
}

Result<Availability> Reader::availability(const std::string& unit, UtcTime from, UtcTime to,
                                          UtcTime now) {
  NINES_ASSIGN(const auto stored, intervals(unit, from, to));
  std::vector<DowntimeInterval> plain;
  plain.reserve(stored.size());
  for (const StoredInterval& one : stored) plain.push_back(one.interval);
  return ledger::availability(plain, from, to, now);
}

Result<std::optional<UtcTime>> Reader::first_seen(const std::string& unit) {
  NINES_ASSIGN(const auto found,
               read_all<std::int64_t>(
                   &database_,
                   "SELECT time_ns FROM events WHERE subject = (SELECT id FROM names WHERE text = "
                   "?) ORDER BY time_ns LIMIT 1",
                   [](const auto& rows) { return rows.int64(0); }, unit));
  if (found.empty()) return std::optional<UtcTime>();
  return std::optional<UtcTime>(UtcTime{found.front()});
}

Result<std::vector<Boot>> Reader::boots() {
  return read_all<Boot>(
      &database_,
      "SELECT b.boot_id, h.name, b.first_seen_ns, t.time_ns FROM boots b JOIN hosts h ON h.id = "
      "b.host LEFT JOIN heartbeats t ON t.boot = b.id ORDER BY b.id DESC",
      [](const auto& rows) {
        Boot boot{rows.bytes(0), rows.bytes(1), UtcTime{rows.int64(2)}, std::nullopt};
        if (!rows.is_null(3)) boot.last_heartbeat = UtcTime{rows.int64(3)};
        return boot;
      });
}

}  // namespace nines::ledger
