// The host was away: found at the first start after a boot, and written down once for that boot.
//
//   last sign of life         this boot begins   ninesd starts     unit.ready
//   ──── earlier boot ───┤............................├──────────────┤
//                         host: down ────────┤
//                         each unit that served: down ───────────────┤  (closed by its unit.ready)
//
// The last sign is the heartbeat or the newest event of the earlier boot, whichever is later. What
// was down then already is split there: before it for its own cause, after it for the host's.
// Between two boots only UTC counts. Where it was set back, the outage lasts as long as this boot
// until now, which is certain.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/interval_table.h"
#include "ledger/names.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// How an earlier boot ended.
struct LastSign {
  UtcTime time;
  BootTime since_boot;
  bool in_order = false;  ///< the daemon had been asked to end: the host was being shut down
};

struct Outage {
  UtcTime start;
  Nanoseconds duration{0};
  bool clock_set_back = false;
};

/// How long the host was away. Pure.
Outage outage_between(const LastSign& last, UtcTime now, BootTime since_boot);

struct NewBoot {
  std::int64_t row = 0;  ///< of boots
  UtcTime now;
  BootTime since_boot;
};

/// Writes the event "host.outage", the interval of the host, and an open one for each unit that
/// served when the earlier boot of this host ended, or was being restarted. Not for those that had
/// been stopped by request, or that had been given up: their intervals stay as they are.
/// Does nothing when it was done for this boot, or when there was no earlier one.
/// @pre  inside a transaction.
/// @return whether there was an outage.
Result<bool> record_host_outage(Database* database, Names* names, IntervalTable* intervals,
                                const NewBoot& boot);

/// Takes a boot as looked at, whatever was found. @param boot  a row of boots
Status mark_outage_noted(Database* database, std::int64_t boot);

}  // namespace nines::ledger
