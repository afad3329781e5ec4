// Saving what can be saved of a damaged ledger.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <vector>

#include "ledger/check.h"
#include "ledger/interval_table.h"
#include "ledger/names.h"
#include "ledger/packed_id.h"
#include "ledger/quarantine.h"
#include "ledger/references.h"
#include "ledger/salvage.h"
#include "ledger/schema.h"
#include "sys/file.h"

namespace nines::ledger {
namespace {

constexpr TableShape kTables[] = {
    {"names", "id, text", "id", nullptr},
    {"hosts", "id, machine, name", "id", nullptr},
    {"boots", "id, host, boot_id, first_seen_ns, outage_noted", "id", nullptr},
    {"heartbeats", "boot, time_ns, since_boot_ns", "boot", nullptr},
    {"events",
     "seq, id, time_ns, since_boot_ns, boot, cell, kind, subject, severity, detail, caused_by",
     "seq", nullptr},
    {"units", "unit, first_ns, ready_boot, ready_since_boot_ns", "unit", nullptr},
    {"event_days", "day, kind, subject, severity, count", "day, kind, subject, severity",
     "day DESC, kind DESC, subject DESC, severity DESC"},
    {"merged_intervals", "id, into_id, start_ns, duration_ns, reason", "id", "id DESC"},
};

constexpr TableShape kIntervals = {
    "intervals",
    "seq, id, unit, boot, start_ns, start_since_boot_ns, duration_ns, clipped_ns, cause_event, "
    "planned, cell, note, cause",
    "seq", nullptr};

// It is nobody's ledger before it is whole, and then is synchronised once. A journal on the disk
// would double the writing of ten million events.
constexpr const char* kWhileFilling =
    "PRAGMA journal_mode = MEMORY;"
    "PRAGMA synchronous = OFF;"
    "PRAGMA foreign_keys = OFF;"
    "PRAGMA cache_size = -65536;";

/// An interval as it was in the damaged ledger.
struct OldInterval {
  DowntimeInterval interval;  ///< without the unit's name
  std::int64_t unit = 0;
  std::int64_t boot = 0;
  Handed handed;
};

OldInterval read_old(const Statement::Rows& rows) {
  OldInterval old;
  DowntimeInterval& interval = old.interval;
  interval.id = id_column(rows, 1);
  old.unit = rows.int64(2);
  old.boot = rows.int64(3);
  interval.start = UtcTime{rows.int64(4)};
  interval.start_since_boot = BootTime{rows.int64(5)};
  interval.closed = !rows.is_null(6);
  interval.duration = Nanoseconds(rows.int64(6));
  interval.cause_event = id_column(rows, 8);
  interval.planned = rows.int64(9) != 0;
  interval.cell = static_cast<Cell>(rows.int64(10));
  old.handed = {.history = true, .note = rows.bytes(11), .clipped_ns = rows.int64(7), .cause = {}};
  if (!rows.is_null(12)) old.handed.cause = rows.int64(12);
  return old;
}

/// Intervals are not copied but reported again: in a damaged ledger they may overlap.
class Intervals {
 public:
  Intervals(Names* names, Database* fresh) : names_(names), fresh_(fresh) {}

  Result<Salvaged> save(Database* damaged) {
    NINES_ASSIGN(IntervalTable table, IntervalTable::open(fresh_, names_));
    NINES_ASSIGN(last_name_, fresh_->value("SELECT coalesce(max(id), 0) FROM names"));
    NINES_ASSIGN(name_of_, fresh_->prepare("SELECT text FROM names WHERE id = ?"));
    // One that is open has no place before the closed ones have theirs.
    std::vector<OldInterval> open;
    NINES_ASSIGN(Salvaged salvaged,
                 salvage(damaged, kIntervals, [&](const Statement::Rows& rows) -> Result<bool> {
                   OldInterval old = read_old(rows);
                   if (old.interval.closed) return report(&table, std::move(old));
                   if (open.size() < kMostOpen) open.push_back(std::move(old));
                   return false;
                 }));
    for (OldInterval& old : open) {
      NINES_ASSIGN(const bool saved, report(&table, std::move(old)));
      salvaged.rows += saved ? 1 : 0;
    }
    return salvaged;
  }
  /// Those that have rows of their own.
  std::size_t saved() const { return saved_; }

 private:
  static constexpr std::size_t kMostOpen = 100'000;  // one for each unit

  Result<std::optional<std::string>> name(std::int64_t id) {
    if (id > last_name_) return std::optional<std::string>();  // lost; given anew meanwhile
    NINES_ASSIGN(auto rows, name_of_.query(id));
    NINES_ASSIGN(const bool found, rows.next());
    return found ? std::optional<std::string>(rows.bytes(0)) : std::nullopt;
  }

  Result<bool> report(IntervalTable* table, OldInterval old) {
    NINES_ASSIGN(auto unit, name(old.unit));
    if (!unit) return false;
    old.interval.unit = std::move(*unit);
    if (old.handed.cause) {
      NINES_ASSIGN(const auto cause, name(*old.handed.cause));
      if (!cause) old.handed.cause.reset();
    }
    const auto outcome = table->upsert(old.interval, old.boot, old.handed);
    if (!outcome && outcome.error().code() == ErrorCode::kInvalidArgument) return false;
    if (!outcome) return outcome.error();
    if (*outcome == IntervalOutcome::kUnchanged) return false;  // a second one of that id
    saved_ += *outcome == IntervalOutcome::kMerged ? 0 : 1;
    return true;
  }

  Names* names_;
  Database* fresh_;
  Statement name_of_;
  std::int64_t last_name_ = 0;
  std::size_t saved_ = 0;
};

Status save_all(Database* damaged, Database* fresh, const HostIdentity& host, Repaired* repaired) {
  NINES_TRY(fresh->execute(kWhileFilling));
  NINES_ASSIGN(Transaction transaction, Transaction::begin(fresh));
  for (const TableShape& table : kTables) {
    NINES_ASSIGN(const Salvaged salvaged, copy_table(damaged, fresh, table));
    repaired->unreadable += lost_rows(damaged, table, salvaged);
  }
  NINES_ASSIGN(const std::size_t nameless, drop_nameless(fresh));
  NINES_ASSIGN(Names names, Names::open(fresh));
  Intervals intervals(&names, fresh);
  NINES_ASSIGN(const Salvaged salvaged, intervals.save(damaged));
  repaired->unreadable += lost_rows(damaged, kIntervals, salvaged);
  NINES_ASSIGN(const std::size_t gone, make_references_whole(fresh, host));
  repaired->unreadable += nameless + gone;
  repaired->intervals = intervals.saved();
  NINES_ASSIGN(const std::int64_t events, fresh->value("SELECT count(*) FROM events"));
  repaired->events = static_cast<std::size_t>(events);
  return transaction.commit();
}

/// Without its first page nothing of a file can be read.
bool has_tables(Database* damaged) {
  return damaged->value("SELECT count(*) FROM sqlite_schema").has_value();
}

Status begin_anew(const std::string& from, const std::string& into, const HostIdentity& host,
                  Repaired* repaired) {
  {
    NINES_ASSIGN(Database damaged, Database::open(from, OpenMode::kReadOnly));
    NINES_ASSIGN(Database fresh, Database::open(into, OpenMode::kReadWriteCreate));
    NINES_TRY(migrate(&fresh));
    if (has_tables(&damaged)) NINES_TRY(save_all(&damaged, &fresh, host, repaired));
  }
  NINES_ASSIGN(const UniqueFd file, sys::open_file(into, O_RDWR));
  if (::fsync(file.get()) != 0) return Error::from_errno(errno, "write", into);
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
  const std::string ready = path + std::string(kRepaired);
  // Of a repair that was killed: the damaged one is still there.
  for (const std::string& left : {fresh, ready}) remove_database(left);
  if (const Status saved = begin_anew(path, fresh, host, &repaired); !saved) {
    remove_database(fresh);
    return saved.error();
  }
  const std::string aside = quarantine_name(path, utc_now());
  // From here on it is whole, and whoever comes next puts it in its place should we be killed.
  if (std::rename(fresh.c_str(), ready.c_str()) != 0) {
    return Error::from_errno(errno, "rename", fresh);
  }
  if (const Status moved = quarantine(path, aside); !moved) {
    if (sys::exists(path)) remove_database(ready);
    return moved.error();
  }
  repaired.set_aside = aside;
  NINES_TRY(finish_quarantine(path));
  return repaired;
}

}  // namespace nines::ledger
