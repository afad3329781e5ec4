// What is known here of a unit since a downtime began that an export calls open still.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "ledger/event.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// What was here before the import: only that is later news. The export itself says that the unit
/// did not come up in it.
struct KnownBefore {
  std::int64_t event_seq = 0;
  std::int64_t interval_seq = 0;
};

struct EndOfOpen {
  Nanoseconds duration{0};
  std::string note;  ///< why it ends there
};

/// It ends at the unit's first later readiness, or where it went down again, which it can only have
/// done from up. If the unit was heard of later without either, it ends with the last record of its
/// boot in the export: how long it really lasted nobody knows.
/// @param   boot  row of the boot in which it began.
/// @return  empty: nothing later is known of the unit, so that it may be down still.
Result<std::optional<EndOfOpen>> end_of_open(Database* database, const KnownBefore& before,
                                             const DowntimeInterval& open, std::int64_t boot);

}  // namespace nines::ledger
