// Setting a damaged database aside: renamed, never deleted, so that it can be examined and rescued.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace nines::ledger {

/// A name for the damaged `path` that is not taken: "PATH.corrupt-20261122T220801Z".
std::string quarantine_name(const std::string& path, UtcTime now);

/// Renames the database and then its -wal and -shm.
/// @pre     no connection of this process has it open.
/// @errors  kDenied, kIo ...: the database stays where it is.
Status quarantine(const std::string& path, const std::string& aside);

/// What a repair has made, whole, beside the database that it will replace: "PATH.repaired".
inline constexpr std::string_view kRepaired = ".repaired";

/// Ends what a kill within quarantine(), or a repair, has left half done: a -wal without its
/// database belongs to the one set aside last, and what is repaired takes the place. Must run
/// before a new database is made, since SQLite deletes such a -wal.
Status finish_quarantine(const std::string& path);

}  // namespace nines::ledger
