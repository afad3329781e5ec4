#include "ledger/store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/fault_point.h"
#include "ledger/cause.h"
#include "ledger/host_outage.h"
#include "ledger/host_row.h"
#include "ledger/packed_id.h"
#include "ledger/schema.h"

namespace nines::ledger {
namespace {

/// What an interrupted power supply cannot undo, and nothing that a damaged file could abuse.
constexpr const char* kConnectionSettings =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA mmap_size = 0;"  // a truncated file shall be an error, not SIGBUS
    "PRAGMA journal_size_limit = 16777216;";

// An event alters a leaf of each index. In a database of a year those of fifty units do not fit the
// small cache, and each commit would write them several times.
constexpr std::int64_t kLargeDatabasePages = 8192;
constexpr int kSmallCacheKiB = 256;
constexpr int kLargeCacheKiB = 1024;

/// The detail as stored: NULL for the empty object; text that is no JSON object is wrapped, since
/// an event with a flawed detail is still an event.
std::optional<std::string> stored_detail(const std::string& detail) {
  if (detail.empty() || detail == "{}") return std::nullopt;
  if (detail.front() == '{' && nlohmann::json::accept(detail)) return detail;
  const nlohmann::json wrapped = {{"text", detail}};
  return wrapped.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::pair<dev_t, ino_t>> file_identity(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return Error::from_errno(errno, "stat", path);
  return std::pair(status.st_dev, status.st_ino);
}

/// Failures that are the record's own fault and would be the same on every retry.
bool is_refusal(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument;
}

}  // namespace

void CommittedBatch::count(IntervalOutcome outcome) {
  switch (outcome) {
    case IntervalOutcome::kOpened: ++intervals_opened; break;
    case IntervalOutcome::kClosed: ++intervals_closed; break;
    case IntervalOutcome::kUnchanged: ++intervals_unchanged; break;
    case IntervalOutcome::kMerged: ++intervals_merged; break;
  }
}

Result<Store> Store::open(const std::string& path, const HostIdentity& host) {
  auto inner = std::make_unique<Inner>();
  inner->host = host;
  NINES_ASSIGN(inner->database, Database::open(path, OpenMode::kReadWriteCreate));
  NINES_TRY(damage_if_internal(inner->database.execute(kConnectionSettings)));
  NINES_TRY(migrate(&inner->database));
  Store store(std::move(inner));
  NINES_TRY(damage_if_internal(store.prepare()));
  NINES_TRY(store.register_host());
  NINES_ASSIGN(store.inner_->file, file_identity(path));
  NINES_TRY(store.fit_cache());
  return store;
}

Status Store::fit_cache() {
  NINES_ASSIGN(const std::int64_t pages, inner_->database.value("PRAGMA page_count"));
  // SQLite counts in KiB where the number is negative.
  return inner_->database.execute(fmt::format(
      "PRAGMA cache_size = {}", pages < kLargeDatabasePages ? -kSmallCacheKiB : -kLargeCacheKiB));
}

Status Store::prepare() {
  Database& database = inner_->database;
  NINES_ASSIGN(inner_->names, Names::open(&database));
  NINES_ASSIGN(auto intervals, IntervalTable::open(&database, &inner_->names));
  inner_->intervals = std::make_unique<IntervalTable>(std::move(intervals));
  NINES_ASSIGN(inner_->insert_event,
               database.prepare("INSERT INTO events (id, time_ns, since_boot_ns, boot, cell, kind, "
                                "subject, severity, detail, caused_by) VALUES "
                                "(?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING"));
  NINES_ASSIGN(inner_->find_boot, database.prepare("SELECT id FROM boots WHERE boot_id = ?"));
  NINES_ASSIGN(
      inner_->insert_boot,
      database.prepare("INSERT INTO boots (host, boot_id, first_seen_ns) VALUES (?, ?, ?)"));
  NINES_ASSIGN(inner_->set_heartbeat,
               database.prepare("INSERT INTO heartbeats VALUES (?, ?, ?) ON CONFLICT (boot) DO "
                                "UPDATE SET time_ns = excluded.time_ns, "
                                "since_boot_ns = excluded.since_boot_ns"));
  NINES_ASSIGN(
      inner_->note_ready,
      database.prepare("INSERT INTO units VALUES (?, ?, ?, ?) ON CONFLICT (unit) DO UPDATE "
                       "SET first_ns = min(first_ns, excluded.first_ns), ready_boot = "
                       "excluded.ready_boot, ready_since_boot_ns = "
                       "excluded.ready_since_boot_ns"));
  NINES_ASSIGN(inner_->note_seen,
               database.prepare("INSERT INTO units (unit, first_ns) VALUES (?, ?) ON CONFLICT "
                                "(unit) DO UPDATE SET first_ns = min(first_ns, "
                                "excluded.first_ns)"));
  NINES_ASSIGN(inner_->refine_cause,
               database.prepare("UPDATE intervals SET cause = ? WHERE cause_event = ?"));
  NINES_ASSIGN(inner_->last_seq, database.prepare("SELECT coalesce(max(seq), 0) FROM events"));
  return {};
}

bool Store::file_replaced() const {
  const auto now = file_identity(path());
  return !now || *now != inner_->file;
}

Status Store::register_host() {
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
  NINES_ASSIGN(inner_->host_row, host_row(&inner_->database, inner_->host, HostName::kNewer));
  NINES_TRY(boot_row(inner_->host.boot_id));
  return transaction.commit();
}

Result<std::int64_t> Store::boot_row(const std::string& boot_id) {
  const std::string& key = boot_id.empty() ? inner_->host.boot_id : boot_id;
  if (const auto known = inner_->boots.find(key); known != inner_->boots.end()) {
    return known->second;
  }
  std::int64_t row = 0;
  {
    NINES_ASSIGN(auto rows, inner_->find_boot.query(key));
    NINES_ASSIGN(const bool found, rows.next());
    if (found) row = rows.int64(0);
  }
  if (row == 0) {
    NINES_TRY(inner_->insert_boot.execute(inner_->host_row, key, utc_now().ns));
    row = inner_->database.last_insert_id();
  }
  inner_->boots.emplace(key, row);
  return row;
}

Result<CommittedBatch> Store::apply(std::span<const Record> records, const std::string& boot_id) {
  auto batch = apply_in_transaction(records, boot_id);
  if (!batch) {
    // Rolled back: numbers that were given away in it are free again.
    inner_->names.forget();
    inner_->boots.clear();
    return batch;
  }
  fault::pass(FaultPoint::store_committed);
  return batch;
}

Result<CommittedBatch> Store::apply_in_transaction(std::span<const Record> records,
                                                   const std::string& boot_id) {
  NINES_TRY(fault::hit(FaultPoint::store_begin));
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
  NINES_ASSIGN(const std::int64_t boot, boot_row(boot_id));
  CommittedBatch batch;
  for (const Record& record : records) {
    const Status applied = apply_one(record, boot, &batch);
    if (applied) continue;
    // A statement that broke a rule is undone by itself; the transaction goes on.
    if (!is_refusal(applied.error()) || !inner_->database.in_transaction()) return applied.error();
    if (batch.refused++ == 0) batch.refused_why = applied.error().message();
  }
  {
    NINES_ASSIGN(auto rows, inner_->last_seq.query());
    NINES_TRY(rows.next());
    batch.last_seq = rows.int64(0);
  }
  NINES_TRY(fault::hit(FaultPoint::store_commit));
  NINES_TRY(transaction.commit());
  return batch;
}

Status Store::apply_one(const Record& record, std::int64_t boot, CommittedBatch* batch) {
  if (const auto* event = std::get_if<Event>(&record)) {
    return apply_event(*event, boot, Origin::kHere, batch);
  }
  NINES_ASSIGN(const IntervalOutcome outcome,
               inner_->intervals->upsert(std::get<DowntimeInterval>(record), boot));
  batch->count(outcome);
  return {};
}

Status Store::apply_event(const Event& event, std::int64_t boot, Origin origin,
                          CommittedBatch* batch) {
  if (event.id.empty() || event.kind.empty()) {
    return Error(ErrorCode::kInvalidArgument, "record event", event.kind)
        .with_detail("an event needs an id and a kind");
  }
  NINES_ASSIGN(const std::int64_t kind, inner_->names.intern(event.kind));
  std::optional<std::int64_t> subject;
  if (!event.subject.empty()) {
    NINES_ASSIGN(subject, inner_->names.intern(event.subject));
  }
  NINES_TRY(inner_->insert_event.execute(
      pack_id(event.id), event.time.ns, event.since_boot.ns, boot, static_cast<int>(event.cell),
      kind, subject, static_cast<int>(event.severity), stored_detail(event.detail_json),
      pack_id(event.caused_by)));
  const bool is_new = inner_->database.changes() > 0;
  ++(is_new ? batch->events_new : batch->events_known);
  return is_new ? follow_up(event, boot, origin, subject) : Status();
}

Status Store::follow_up(const Event& event, std::int64_t boot, Origin origin,
                        std::optional<std::int64_t> subject) {
  if ((event.kind == kDumpedKind || event.kind == kCapturedKind) && !event.caused_by.empty()) {
    NINES_ASSIGN(const auto cause, inner_->intervals->cause_of(event.caused_by));
    if (!cause) return {};
    return inner_->refine_cause.execute(*cause, pack_id(event.caused_by));
  }
  if (event.kind != kReadyKind || !subject) return {};
  // Old news: what is down now is not up for it, and an export has its downtimes' ends itself.
  if (origin == Origin::kExport) return inner_->note_seen.execute(*subject, event.time.ns);
  NINES_TRY(inner_->note_ready.execute(*subject, event.time.ns, boot, event.since_boot.ns));
  return inner_->intervals->close_from_earlier_boot(*subject, boot, event.time, event.since_boot);
}

Status Store::note_outage_in_transaction(UtcTime now, BootTime since_boot) {
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
  NINES_ASSIGN(const std::int64_t boot, boot_row({}));
  NINES_TRY(record_host_outage(&inner_->database, &inner_->names, inner_->intervals.get(),
                               {boot, now, since_boot}));
  return transaction.commit();
}

Result<CommittedBatch> Store::note_outage(UtcTime now, BootTime since_boot) {
  CommittedBatch batch;
  if (inner_->outage_noted) return batch;
  if (const Status done = note_outage_in_transaction(now, since_boot); !done) {
    inner_->names.forget();
    inner_->boots.clear();
    if (!is_refusal(done.error())) return done.error();
    // It would be refused for ever, and nothing else be stored meanwhile.
    batch.refused = 1;
    batch.refused_why = done.error().message();
    NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
    NINES_ASSIGN(const std::int64_t boot, boot_row({}));
    NINES_TRY(mark_outage_noted(&inner_->database, boot));
    NINES_TRY(transaction.commit());
  }
  inner_->outage_noted = true;
  return batch;
}

Status Store::heartbeat(UtcTime time, BootTime since_boot) {
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
  NINES_ASSIGN(const std::int64_t boot, boot_row({}));
  NINES_TRY(inner_->set_heartbeat.execute(boot, time.ns, since_boot.ns));
  return transaction.commit();
}

}  // namespace nines::ledger
