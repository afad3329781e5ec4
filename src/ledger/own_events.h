// What the ledger has to say about itself: the "ledger.*" events of docs/ledger.md.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "ledger/event.h"
#include "ledger/spool.h"
#include "ledger/store.h"

namespace nines::ledger {

Event degraded_event(const Error& why);
Event recovered_event(Nanoseconds degraded_for);
Event quarantined_event(const Error& why, const std::string& moved_to);
Event dropped_event(const DropCounts& drops);
Event refused_event(const CommittedBatch& batch);

}  // namespace nines::ledger
