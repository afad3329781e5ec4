// Saving what can be saved of a damaged ledger.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "ledger/check.h"
#include "ledger/names.h"
#include "ledger/packed_id.h"
#include "ledger/quarantine.h"
#include "ledger/reader_rows.h"
#include "ledger/schema.h"
#include "ledger/store.h"

namespace nines::ledger {
namespace {

constexpr std::int64_t kStretch = 512;  // rows that are read together
constexpr std::size_t kGiveUp = 5000;   // unreadable rows in a row: there is nothing more to come
constexpr std::size_t kBatch = 2000;

/// Reads a table in the order of its seq, leaving out the rows that are damaged.
template <typename T, typename Read, typename Take>
Result<std::size_t> salvage(Database* database, const std::string& columns, const char* seq,
                            Read read, Take take) {
  std::size_t unreadable = 0;
  std::size_t in_a_row = 0;
  const auto last = database->value(
      fmt::format("SELECT max(seq) FROM {}", seq[0] == 'e' ? "events" : "intervals"));
  // The end of the table is damaged: as far as any ledger of ours goes, in steps that grow.
  const std::int64_t end = last ? *last : std::int64_t{1} << 40;
  std::int64_t stretch = kStretch;
  for (std::int64_t from = 0; from <= end;) {
    const auto rows = read_all<T>(
        database, fmt::format("{} WHERE {} >= ?1 AND {} < ?2 ORDER BY {}", columns, seq, seq, seq),
        read, from, from + stretch);
    if (rows) {
      if (!rows->empty()) in_a_row = 0;
      for (const T& row : *rows) NINES_TRY(take(row));
      from += stretch;
      // Nothing there: either a gap or the end.
      const std::int64_t most = rows->empty() ? end : kStretch;
      stretch = std::clamp<std::int64_t>(stretch * 8, 1, std::max<std::int64_t>(most, 1));
      continue;
    }
    if (stretch > 1) {
      stretch = std::max<std::int64_t>(stretch / 8, 1);
      continue;
    }
    ++unreadable;
    if (++in_a_row > kGiveUp) break;
    ++from;
  }
  return unreadable;
}

/// Collects records of one boot and stores them together.
class Filler {
 public:
  explicit Filler(Store* store) : store_(store) {}
  Status add(Record record, const std::string& boot) {
    if (boot != boot_ || waiting_.size() >= kBatch) NINES_TRY(flush());
    boot_ = boot;
    waiting_.push_back(std::move(record));
    return {};
  }
  Status flush() {
    if (waiting_.empty()) return {};
    NINES_ASSIGN(const CommittedBatch batch, store_->apply(waiting_, boot_));
    saved_ += batch.events_new + batch.intervals_opened + batch.intervals_closed;
    merged_ += batch.intervals_merged;
    waiting_.clear();
    return {};
  }
  std::size_t saved() const { return saved_; }
  std::size_t merged() const { return merged_; }

 private:
  Store* store_;
  std::vector<Record> waiting_;
  std::string boot_;
  std::size_t saved_ = 0;
  std::size_t merged_ = 0;
};

/// Runs `take` for each row of a small table; one that cannot be read to its end counts as a place.
template <typename Take>
Status each_row(Database* damaged, const char* sql, std::size_t* unreadable, Take take) {
  const auto rows = read_all<Status>(damaged, sql, take);
  if (!rows) {
    ++*unreadable;
    return {};
  }
  for (const Status& row : *rows) NINES_TRY(row);
  return {};
}

/// Boots first and with their rows, whose order is that of time: of the next boot the outage before
/// it is looked for, and must be measured from the boot that was the last one.
Status copy_boots(Database* damaged, const std::string& into, std::size_t* unreadable) {
  NINES_ASSIGN(Database fresh, Database::open(into, OpenMode::kReadWriteCreate));
  NINES_TRY(migrate(&fresh));
  NINES_ASSIGN(Statement host, fresh.prepare("INSERT OR IGNORE INTO hosts VALUES (?, ?, ?)"));
  NINES_ASSIGN(Statement boot, fresh.prepare("INSERT OR IGNORE INTO boots VALUES (?, ?, ?, ?, ?)"));
  NINES_ASSIGN(Statement heartbeat,
               fresh.prepare("INSERT OR IGNORE INTO heartbeats VALUES (?, ?, ?)"));
  NINES_TRY(each_row(damaged, "SELECT id, machine, name FROM hosts", unreadable,
                     [&](const Statement::Rows& rows) {
                       return host.execute(rows.int64(0), rows.bytes(1), rows.bytes(2));
                     }));
  // Of a host that could not be read nothing is known: record() makes it one of ours.
  NINES_TRY(each_row(damaged,
                     "SELECT b.id, b.host, b.boot_id, b.first_seen_ns, b.outage_noted FROM boots b "
                     "JOIN hosts h ON h.id = b.host ORDER BY b.id",
                     unreadable, [&](const Statement::Rows& rows) {
                       return boot.execute(rows.int64(0), rows.int64(1), rows.bytes(2),
                                           rows.int64(3), rows.int64(4));
                     }));
  return each_row(damaged,
                  "SELECT t.boot, t.time_ns, t.since_boot_ns FROM heartbeats t JOIN boots b ON "
                  "b.id = t.boot JOIN hosts h ON h.id = b.host",
                  unreadable, [&](const Statement::Rows& rows) {
                    return heartbeat.execute(rows.int64(0), rows.int64(1), rows.int64(2));
                  });
}

/// What is no event and no interval: since when a unit is known, daily counts, merged reports.
Status copy_rest(Database* damaged, const std::string& into, std::size_t* unreadable) {
  NINES_ASSIGN(Database fresh, Database::open(into, OpenMode::kReadWriteCreate));
  NINES_ASSIGN(Names names, Names::open(&fresh));
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&fresh));
  NINES_ASSIGN(Statement unit,
               fresh.prepare("INSERT INTO units SELECT ?1, ?2, b.id, ?4 FROM (SELECT 1) LEFT JOIN "
                             "boots b ON b.id = ?3 WHERE true ON CONFLICT (unit) DO UPDATE SET "
                             "first_ns = min(first_ns, excluded.first_ns), ready_boot = "
                             "coalesce(ready_boot, excluded.ready_boot), ready_since_boot_ns = "
                             "coalesce(ready_since_boot_ns, excluded.ready_since_boot_ns)"));
  NINES_ASSIGN(Statement day,
               fresh.prepare("INSERT OR IGNORE INTO event_days VALUES (?, ?, ?, ?, ?)"));
  NINES_ASSIGN(Statement merged,
               fresh.prepare("INSERT OR IGNORE INTO merged_intervals SELECT ?1, ?2, ?3, ?4, ?5 "
                             "WHERE EXISTS (SELECT 1 FROM intervals WHERE id = ?2)"));
  const auto number = [](const Statement::Rows& rows, int column) {
    return rows.is_null(column) ? std::optional<std::int64_t>() : rows.int64(column);
  };
  NINES_TRY(each_row(damaged,
                     "SELECT n.text, u.first_ns, u.ready_boot, u.ready_since_boot_ns FROM units u "
                     "JOIN names n ON n.id = u.unit",
                     unreadable, [&](const Statement::Rows& rows) -> Status {
                       NINES_ASSIGN(const std::int64_t name, names.intern(rows.bytes(0)));
                       return unit.execute(name, rows.int64(1), number(rows, 2), number(rows, 3));
                     }));
  NINES_TRY(each_row(damaged,
                     "SELECT d.day, k.text, coalesce(s.text, ''), d.severity, d.count FROM "
                     "event_days d JOIN names k ON k.id = d.kind LEFT JOIN names s ON s.id = "
                     "d.subject",
                     unreadable, [&](const Statement::Rows& rows) -> Status {
                       NINES_ASSIGN(const std::int64_t kind, names.intern(rows.bytes(1)));
                       std::int64_t subject = 0;
                       if (const std::string text = rows.bytes(2); !text.empty()) {
                         NINES_ASSIGN(subject, names.intern(text));
                       }
                       return day.execute(rows.int64(0), kind, subject, rows.int64(3),
                                          rows.int64(4));
                     }));
  NINES_TRY(
      each_row(damaged, "SELECT id, into_id, start_ns, duration_ns, reason FROM merged_intervals",
               unreadable, [&](const Statement::Rows& rows) {
                 return merged.execute(pack_id(id_column(rows, 0)), pack_id(id_column(rows, 1)),
                                       rows.int64(2), number(rows, 3), rows.bytes(4));
               }));
  return transaction.commit();
}

/// @return rows of the table that are not in the new ledger, as far as it can be counted.
std::size_t missing(Database* damaged, const char* table, std::size_t saved, std::size_t places) {
  const auto all = damaged->value(fmt::format("SELECT count(*) FROM {}", table));
  const auto counted = all ? static_cast<std::size_t>(std::max<std::int64_t>(*all, 0)) : 0;
  return std::max(places, counted > saved ? counted - saved : 0);
}

Status save_all(const std::string& from, const std::string& into, const HostIdentity& host,
                Repaired* repaired) {
  NINES_ASSIGN(Database damaged, Database::open(from, OpenMode::kReadOnly));
  // Without its first page nothing of it can be read.
  if (const auto tables = damaged.value("SELECT count(*) FROM sqlite_schema"); !tables) {
    return tables.error();
  }
  NINES_TRY(copy_boots(&damaged, into, &repaired->unreadable));
  NINES_ASSIGN(Store store, Store::open(into, host));
  Filler events(&store);
  NINES_ASSIGN(const std::size_t bad_events,
               salvage<StoredEvent>(&damaged, kEventColumns, "e.seq", read_event,
                                    [&](const StoredEvent& stored) {
                                      return events.add(stored.event, stored.boot_id);
                                    }));
  NINES_TRY(events.flush());
  Filler intervals(&store);
  NINES_ASSIGN(const std::size_t bad_intervals,
               salvage<StoredInterval>(&damaged, kIntervalColumns, "i.seq", read_interval,
                                       [&](const StoredInterval& stored) {
                                         return intervals.add(stored.interval, stored.boot_id);
                                       }));
  NINES_TRY(intervals.flush());
  NINES_TRY(copy_rest(&damaged, into, &repaired->unreadable));
  repaired->events = events.saved();
  repaired->intervals = intervals.saved();
  repaired->unreadable += missing(&damaged, "events", events.saved(), bad_events);
  repaired->unreadable +=
      missing(&damaged, "intervals", intervals.saved() + intervals.merged(), bad_intervals);
  store.close_in_order();
  return {};
}

void remove_database(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) (void)std::remove((path + suffix).c_str());
}

}  // namespace

Result<Repaired> repair(const std::string& path, const HostIdentity& host) {
  NINES_TRY(finish_quarantine(path));
  NINES_ASSIGN(const auto findings, check(path));
  Repaired repaired;
  if (findings.empty()) return repaired;
  const std::string fresh = path + ".repairing";
  remove_database(fresh);  // of a repair that was killed: the damaged one is still there
  if (const Status saved = save_all(path, fresh, host, &repaired); !saved) {
    // Nothing can be read: the new one is empty.
    if (saved.error().code() != ErrorCode::kCorrupt &&
        saved.error().code() != ErrorCode::kInternal) {
      remove_database(fresh);
      return saved.error();
    }
    NINES_ASSIGN(Store empty, Store::open(fresh, host));
    empty.close_in_order();
  }
  const std::string aside = quarantine_name(path, utc_now());
  NINES_TRY(quarantine(path, aside));
  repaired.set_aside = aside;
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return Error::from_errno(errno, "rename", fresh);
  return repaired;
}

}  // namespace nines::ledger
