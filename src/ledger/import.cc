// Store: taking in an export.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ledger/event_json.h"
#include "ledger/schema.h"
#include "ledger/store.h"

namespace nines::ledger {
namespace {

constexpr std::int64_t kNoBoot = 0;  // SQLite counts from 1

Error of_another_machine(const std::string& host) {
  return Error(ErrorCode::kInvalidArgument, "import", host)
      .with_detail("it is another machine's, and units of one name would be taken for one")
      .with_hint(
          "give it a file of its own: nines import --ledger FILE ..., nines why --ledger FILE");
}

UtcTime time_of(const ExportLine& line) {
  const Event* event = std::get_if<Event>(&line);
  return event != nullptr ? event->time : std::get<DowntimeInterval>(line).start;
}

}  // namespace

/// What is known while the lines go by.
struct Store::Import {
  std::string owner;  ///< machine id of whose ledger this is; empty: nobody's yet
  std::int64_t boot = kNoBoot;
  std::map<std::int64_t, UtcTime> first_seen;  ///< by boot
  CommittedBatch batch;
};

/// The machine of the oldest record. A ledger without any belongs to nobody yet.
Result<std::string> Store::owner() {
  for (const char* table : {"events", "intervals"}) {
    NINES_ASSIGN(Statement find,
                 inner_->database.prepare(fmt::format(
                     "SELECT h.machine FROM {} r JOIN boots b ON b.id = r.boot JOIN hosts h "
                     "ON h.id = b.host ORDER BY r.seq LIMIT 1",
                     table)));
    NINES_ASSIGN(auto rows, find.query());
    NINES_ASSIGN(const bool found, rows.next());
    if (found) return rows.bytes(0);
  }
  return std::string();
}

/// An imported boot is over, here or elsewhere: no outage is to be looked for after it.
Result<std::int64_t> Store::foreign_boot_row(const HostIdentity& host) {
  {
    NINES_ASSIGN(auto rows, inner_->find_boot.query(host.boot_id));
    NINES_ASSIGN(const bool found, rows.next());
    if (found) return rows.int64(0);
  }
  NINES_ASSIGN(const std::int64_t row, host_row(host));
  NINES_ASSIGN(Statement insert,
               inner_->database.prepare("INSERT INTO boots (host, boot_id, first_seen_ns, "
                                        "outage_noted) VALUES (?, ?, ?, ?)"));
  NINES_TRY(insert.execute(row, host.boot_id, utc_now().ns, kImported));
  return inner_->database.last_insert_id();
}

Status Store::import_line(const std::string& line, Import* import) {
  NINES_ASSIGN(ExportLine parsed, line_from_json(line));
  if (const auto* host = std::get_if<HostIdentity>(&parsed)) {
    if (import->owner.empty()) import->owner = host->machine_id;
    if (import->owner != host->machine_id) return of_another_machine(host->host_name);
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
  const Event* event = std::get_if<Event>(&parsed);
  return apply_one(event != nullptr ? Record(*event) : Record(std::get<DowntimeInterval>(parsed)),
                   import->boot, Origin::kExport, &import->batch);
}

Result<CommittedBatch> Store::import_in_transaction(const NextLine& next) {
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
  Import import;
  NINES_ASSIGN(import.owner, owner());
  std::string line;
  for (std::int64_t number = 1;; ++number) {
    NINES_ASSIGN(const bool more, next(&line));
    if (!more) break;
    if (line.empty()) continue;
    const Status taken = import_line(line, &import);
    if (taken) continue;
    const Error& why = taken.error();
    return Error(why.code(), "import", fmt::format("line {}", number))
        .with_detail(why.detail())
        .with_hint(why.hint());
  }
  NINES_ASSIGN(Statement first_seen,
               inner_->database.prepare("UPDATE boots SET first_seen_ns = min(first_seen_ns, ?) "
                                        "WHERE id = ?"));
  for (const auto& [boot, time] : import.first_seen) NINES_TRY(first_seen.execute(time.ns, boot));
  NINES_TRY(transaction.commit());
  return import.batch;
}

Result<CommittedBatch> Store::import(const NextLine& next) {
  auto batch = import_in_transaction(next);
  if (!batch) {
    inner_->names.forget();
    inner_->boots.clear();
  }
  return batch;
}

}  // namespace nines::ledger
