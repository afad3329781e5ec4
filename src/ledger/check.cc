#include "ledger/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "ledger/quarantine.h"
#include "ledger/reader_rows.h"
#include "ledger/schema.h"
#include "ledger/store.h"

namespace nines::ledger {
namespace {

using Findings = std::vector<Finding>;

constexpr std::int64_t kStretch = 512;  // rows that are read together
constexpr std::size_t kGiveUp = 5000;   // unreadable rows in a row: there is nothing more to come
constexpr std::size_t kBatch = 2000;

/// Runs a query of which every row is a finding. What cannot be read is one.
Status look(Database* database, const char* rule, const std::string& sql, Findings* findings) {
  const auto found =
      read_all<std::string>(database, sql, [](const auto& rows) { return rows.bytes(0); });
  if (!found) {
    const ErrorCode code = found.error().code();
    if (code != ErrorCode::kCorrupt && code != ErrorCode::kInternal) return found.error();
    findings->push_back({rule, found.error().message()});
    return {};
  }
  for (const std::string& text : *found) {
    if (text != "ok" && findings->size() < kMaxFindings) findings->push_back({rule, text});
  }
  return {};
}

// Of closed ones: an open one finds its place when it closes; see IntervalTable.
constexpr const char* kOverlaps =
    "SELECT n.text || ': ' || hex(x.id) || ' begins before the one before it ends' FROM "
    "(SELECT unit, id, start_ns, lag(start_ns + duration_ns) OVER (PARTITION BY unit ORDER BY "
    "start_ns, duration_ns) AS free_ns FROM intervals WHERE duration_ns IS NOT NULL) x "
    "JOIN names n ON n.id = x.unit WHERE x.start_ns < x.free_ns LIMIT 100";

constexpr const char* kOpenTwice =
    "SELECT n.text || ': ' || count(*) || ' open at once' FROM intervals NOT INDEXED JOIN names n "
    "ON n.id = unit WHERE duration_ns IS NULL GROUP BY unit HAVING count(*) > 1";

constexpr const char* kMergedIntoNothing =
    "SELECT 'an interval was merged into ' || hex(into_id) || ', which is not there' FROM "
    "merged_intervals m WHERE NOT EXISTS (SELECT 1 FROM intervals i WHERE i.id = m.into_id) "
    "LIMIT 100";

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
    waiting_.clear();
    return {};
  }
  std::size_t saved() const { return saved_; }

 private:
  Store* store_;
  std::vector<Record> waiting_;
  std::string boot_;
  std::size_t saved_ = 0;
};

Status save_all(const std::string& from, const std::string& into, const HostIdentity& host,
                Repaired* repaired) {
  NINES_ASSIGN(Database damaged, Database::open(from, OpenMode::kReadOnly));
  // Without its first page nothing of it can be read.
  if (const auto tables = damaged.value("SELECT count(*) FROM sqlite_schema"); !tables) {
    return tables.error();
  }
  NINES_ASSIGN(Store store, Store::open(into, host));
  Filler events(&store);
  NINES_ASSIGN(const std::size_t lost_events,
               salvage<StoredEvent>(&damaged, kEventColumns, "e.seq", read_event,
                                    [&](const StoredEvent& stored) {
                                      return events.add(stored.event, stored.boot_id);
                                    }));
  NINES_TRY(events.flush());
  Filler intervals(&store);
  NINES_ASSIGN(const std::size_t lost_intervals,
               salvage<StoredInterval>(&damaged, kIntervalColumns, "i.seq", read_interval,
                                       [&](const StoredInterval& stored) {
                                         return intervals.add(stored.interval, stored.boot_id);
                                       }));
  NINES_TRY(intervals.flush());
  repaired->events = events.saved();
  repaired->intervals = intervals.saved();
  repaired->unreadable = lost_events + lost_intervals;
  store.close_in_order();
  return {};
}

void remove_database(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) (void)std::remove((path + suffix).c_str());
}

}  // namespace

Result<std::vector<Finding>> check(const std::string& path) {
  NINES_ASSIGN(Database database, Database::open(path, OpenMode::kReadOnly));
  Findings findings;
  if (const Status version = check_version(&database); !version) {
    if (version.error().code() != ErrorCode::kCorrupt) return version.error();
    findings.push_back({"structure", version.error().message()});
    return findings;
  }
  NINES_TRY(look(&database, "structure", "PRAGMA integrity_check(100)", &findings));
  NINES_TRY(look(&database, "reference",
                 "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' names a row of ' || "
                 "parent || ' that is not there' FROM pragma_foreign_key_check LIMIT 100",
                 &findings));
  NINES_TRY(look(&database, "reference", kMergedIntoNothing, &findings));
  NINES_TRY(look(&database, "overlap", kOverlaps, &findings));
  NINES_TRY(look(&database, "open twice", kOpenTwice, &findings));
  return findings;
}

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
