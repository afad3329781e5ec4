// Making the references of a ledger whole of which rows were lost.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "ledger/record.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// An event whose kind is lost, and a count or unit whose name is lost, cannot be told and goes. A
/// lost subject is none.
/// @pre     inside a transaction, with foreign_keys off; no name was given since: a new one could
///          get the number of a lost one.
/// @return  rows that went.
Result<std::size_t> drop_nameless(Database* database);

/// Afterwards every reference leads to a row:
///  - a boot whose host is lost belongs to `host`;
///  - a boot that is lost, but has records, is made up: of `host`, and of no interest for outages.
///    Each has its own, since a clock that counts from the boot means nothing in another;
///  - a last readiness in a boot without records is unknown;
///  - a merged report goes where its interval went to, or goes.
/// @pre     as above; drop_nameless() was called.
/// @return  rows that went.
Result<std::size_t> make_references_whole(Database* database, const HostIdentity& host);

}  // namespace nines::ledger
