// Store: taking in an export.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ledger/event_json.h"
#include "ledger/host_identity.h"
#include "ledger/host_row.h"
#include "ledger/later_news.h"
#include "ledger/line_file.h"
#include "ledger/schema.h"
#include "ledger/store.h"

namespace nines::ledger {
namespace {

constexpr std::int64_t kNoBoot = 0;  // SQLite counts from 1

Error of_another_machine(const std::string& host) {
  return Error(ErrorCode::kInvalidArgument, "import", host)
      .with_detail(
          "this ledger has records of other machines only, and units of one name would be "
          "taken for one")
      .with_hint(
          "give it a file of its own: nines import --ledger FILE ..., nines why --ledger FILE");
}

UtcTime time_of(const ExportLine& line) {
  const Event* event = std::get_if<Event>(&line);
  return event != nullptr ? event->time : std::get<DowntimeInterval>(line).start;
}

Error in_line(const Error& why, std::int64_t number) {
  return Error(why.code(), "import", fmt::format("line {}", number))
      .with_detail(why.detail())
      .with_hint(why.hint());
}

/// All lines, none of which is wrong in itself.
Result<LineFile> collect(const NextLine& next, const std::string& path) {
  NINES_ASSIGN(LineFile lines, LineFile::beside(path));
  std::string line;
  for (std::int64_t number = 1;; ++number) {
    NINES_ASSIGN(const bool more, next(&line));
    if (!more) break;
    if (!line.empty()) {
      if (const auto parsed = line_from_json(line); !parsed) return in_line(parsed.error(), number);
    }
    NINES_TRY(lines.add(line));
  }
  NINES_TRY(lines.rewind());
  return lines;
}

}  // namespace

/// What is known while the lines go by.
struct Store::Import {
  bool nobodys = true;           ///< the ledger had no record before
  std::set<std::string> owners;  ///< machines whose lines are taken
  KnownBefore before;
  std::int64_t boot = kNoBoot;
  std::map<std::int64_t, UtcTime> first_seen;  ///< by boot
  CommittedBatch batch;
};

Status Store::begin_import(Import* import) {
  Database& database = inner_->database;
  NINES_ASSIGN(import->before.event_seq,
               database.value("SELECT coalesce(max(seq), 0) FROM events"));
  NINES_ASSIGN(import->before.interval_seq,
               database.value("SELECT coalesce(max(seq), 0) FROM intervals"));
  import->nobodys = import->before.event_seq == 0 && import->before.interval_seq == 0;
  import->owners.insert(inner_->host.machine_id);
  return {};
}

/// A ledger can have records of several machines: the machine-id of one may have been changed, and
/// a container without one goes by its name.
Result<bool> Store::accepts(const std::string& machine, Import* import) {
  if (import->nobodys || import->owners.contains(machine)) return true;
  for (const char* table : {"events", "intervals"}) {
    NINES_ASSIGN(Statement find,
                 inner_->database.prepare(
                     fmt::format("SELECT 1 FROM {} WHERE boot IN (SELECT b.id FROM boots b JOIN "
                                 "hosts h ON h.id = b.host WHERE h.machine = ?) LIMIT 1",
                                 table)));
    NINES_ASSIGN(auto rows, find.query(machine));
    NINES_ASSIGN(const bool found, rows.next());
    if (!found) continue;
    import->owners.insert(machine);
    return true;
  }
  return false;
}

/// An imported boot is over, here or elsewhere: no outage is to be looked for after it.
Result<std::int64_t> Store::foreign_boot_row(const HostIdentity& host) {
  NINES_ASSIGN(Statement find,
               inner_->database.prepare("SELECT b.id, h.machine FROM boots b JOIN hosts h ON "
                                        "h.id = b.host WHERE b.boot_id = ?"));
  std::string boot_id = host.boot_id;
  // A boot that is here as another machine's: this one's has a name of its own.
  for (int tries = 0; tries < 2; ++tries) {
    NINES_ASSIGN(auto rows, find.query(boot_id));
    NINES_ASSIGN(const bool found, rows.next());
    if (!found) break;
    if (rows.bytes(1) == host.machine_id) return rows.int64(0);
    boot_id = shared_boot_id(host.boot_id, host.machine_id);
  }
  NINES_ASSIGN(const std::int64_t row, host_row(&inner_->database, host, HostName::kPerhapsOlder));
  NINES_ASSIGN(Statement insert,
               inner_->database.prepare("INSERT INTO boots (host, boot_id, first_seen_ns, "
                                        "outage_noted) VALUES (?, ?, ?, ?)"));
  NINES_TRY(insert.execute(row, boot_id, utc_now().ns, kImported));
  return inner_->database.last_insert_id();
}

Status Store::import_interval(DowntimeInterval interval, Import* import) {
  Handed handed;
  handed.history = true;
  if (!interval.closed) {
    NINES_ASSIGN(const auto end,
                 end_of_open(&inner_->database, import->before, interval, import->boot));
    if (end) {
      interval.closed = true;
      interval.duration = end->duration;
      interval.end = UtcTime{interval.start.ns + end->duration.count()};
      handed.note = end->note;
    }
  }
  NINES_ASSIGN(const IntervalOutcome outcome,
               inner_->intervals->upsert(interval, import->boot, handed));
  import->batch.count(outcome);
  return {};
}

Status Store::import_line(const std::string& line, Import* import) {
  NINES_ASSIGN(ExportLine parsed, line_from_json(line));
  if (const auto* host = std::get_if<HostIdentity>(&parsed)) {
    NINES_ASSIGN(const bool accepted, accepts(host->machine_id, import));
    if (!accepted) return of_another_machine(host->host_name);
    NINES_ASSIGN(import->boot, foreign_boot_row(*host));
    return {};
  }
  if (import->boot == kNoBoot) {
    return Error(ErrorCode::kInvalidArgument, "read JSON")
        .with_detail("boot_id: no line before this one names a boot");
  }
  const UtcTime time = time_of(parsed);
  const auto [first, is_new] = import->first_seen.emplace(import->boot, time);
  if (!is_new) first->second = std::min(first->second, time);
  if (auto* interval = std::get_if<DowntimeInterval>(&parsed)) {
    return import_interval(std::move(*interval), import);
  }
  return apply_event(std::get<Event>(parsed), import->boot, Origin::kExport, &import->batch);
}

Result<CommittedBatch> Store::import_in_transaction(const NextLine& next) {
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
  Import import;
  NINES_TRY(begin_import(&import));
  std::string line;
  for (std::int64_t number = 1;; ++number) {
    NINES_ASSIGN(const bool more, next(&line));
    if (!more) break;
    if (line.empty()) continue;
    const Status taken = import_line(line, &import);
    if (taken) continue;
    return in_line(taken.error(), number);
  }
  NINES_ASSIGN(Statement first_seen,
               inner_->database.prepare("UPDATE boots SET first_seen_ns = min(first_seen_ns, ?) "
                                        "WHERE id = ?"));
  for (const auto& [boot, time] : import.first_seen) NINES_TRY(first_seen.execute(time.ns, boot));
  NINES_TRY(transaction.commit());
  return import.batch;
}

Result<CommittedBatch> Store::import(const NextLine& next) {
  NINES_ASSIGN(LineFile lines, collect(next, path()));
  auto batch = import_in_transaction([&](std::string* line) { return lines.next(line); });
  if (!batch) {
    inner_->names.forget();
    inner_->boots.clear();
  }
  return batch;
}

}  // namespace nines::ledger
