// The shape of the database, and how an older one becomes today's.
#pragma once

#include <span>

#include "base/result.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// boots.outage_noted of a boot that was imported: it came here after it was over, so its place
/// among the rows says nothing about when it was.
inline constexpr int kImported = 2;

/// One step. Step n (counted from 1) takes the database from version n-1 to n.
struct Migration {
  const char* name;
  const char* sql;
};

/// All steps, oldest first. Released steps are never edited: new ones are added at the end.
std::span<const Migration> migrations();

/// Brings the database to the version of the last step. Each step is one transaction, its number
/// included, so a step that fails or is killed half-way has not happened.
/// @errors kUnsupported: written by a newer nines, or another program's database; it is untouched.
///         kCorrupt, kNoSpace, kDenied, kBusy: as SQLite says.
Status migrate(Database* database, std::span<const Migration> steps = migrations());

/// For readers: refuses what migrate() would have to alter or would refuse.
/// @errors kUnsupported: another version than ours. kCorrupt ...
Status check_version(Database* database);

/// SQLite calls a table that is not there, or a format number it does not know, a mistake in the
/// statement (kInternal). Of a statement that every healthy ledger understands it is damage.
Status damage_if_internal(Status status);

}  // namespace nines::ledger
