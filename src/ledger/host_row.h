// Machines, each stored once.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "ledger/record.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// Whether a machine that is known gets the name that it is called now.
enum class HostName : std::uint8_t { kNewer, kPerhapsOlder };

/// @return  the row of the machine in `hosts`, given now if it has none.
/// @pre     inside a transaction.
Result<std::int64_t> host_row(Database* database, const HostIdentity& host, HostName name);

}  // namespace nines::ledger
