// Store: taking in an export.
#include <fmt/format.h>

#include "ledger/event_json.h"
#include "ledger/store.h"

namespace nines::ledger {
namespace {

constexpr std::int64_t kNoBoot = 0;  // SQLite counts from 1

}  // namespace

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
                                        "outage_noted) VALUES (?, ?, ?, 1)"));
  NINES_TRY(insert.execute(row, host.boot_id, utc_now().ns));
  return inner_->database.last_insert_id();
}

Status Store::import_line(const std::string& line, std::int64_t* boot, CommittedBatch* batch) {
  NINES_ASSIGN(ExportLine parsed, line_from_json(line));
  if (const auto* host = std::get_if<HostIdentity>(&parsed)) {
    NINES_ASSIGN(*boot, foreign_boot_row(*host));
    return {};
  }
  if (*boot == kNoBoot) {
    return Error(ErrorCode::kInvalidArgument, "read JSON")
        .with_detail("boot_id: no line before this one names a boot");
  }
  const Event* event = std::get_if<Event>(&parsed);
  return apply_one(event != nullptr ? Record(*event) : Record(std::get<DowntimeInterval>(parsed)),
                   *boot, batch);
}

Result<CommittedBatch> Store::import_in_transaction(const std::function<bool(std::string*)>& next) {
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&inner_->database));
  CommittedBatch batch;
  std::int64_t boot = kNoBoot;
  std::string line;
  for (std::int64_t number = 1; next(&line); ++number) {
    if (line.empty()) continue;
    const Status taken = import_line(line, &boot, &batch);
    if (taken) continue;
    const Error& why = taken.error();
    return Error(why.code(), "import", fmt::format("line {}", number)).with_detail(why.detail());
  }
  NINES_TRY(transaction.commit());
  return batch;
}

Result<CommittedBatch> Store::import(const std::function<bool(std::string*)>& next) {
  auto batch = import_in_transaction(next);
  if (!batch) {
    inner_->names.forget();
    inner_->boots.clear();
  }
  return batch;
}

}  // namespace nines::ledger
