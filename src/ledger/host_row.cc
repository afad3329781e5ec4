#include "ledger/host_row.h"

namespace nines::ledger {

Result<std::int64_t> host_row(Database* database, const HostIdentity& host, HostName name) {
  NINES_ASSIGN(Statement upsert,
               database->prepare("INSERT INTO hosts (machine, name) VALUES (?1, ?2) ON CONFLICT "
                                 "(machine) DO UPDATE SET name = iif(?3, excluded.name, name) "
                                 "RETURNING id"));
  NINES_ASSIGN(auto rows, upsert.query(host.machine_id, host.host_name, name == HostName::kNewer));
  NINES_TRY(rows.next());
  return rows.int64(0);
}

}  // namespace nines::ledger
