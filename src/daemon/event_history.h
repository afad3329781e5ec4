// Events of the ledger, and those still on their way into it, as one history.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "api/request.h"
#include "base/result.h"
#include "ledger/event.h"

namespace nines::daemon {

/// @param database  the ledger's; one that cannot be read does not hide what happened just now.
/// @param recent    the newest events, oldest first, whether or not they are in the ledger yet.
/// @param filter    its unit is a full name.
/// @return  oldest first: the newest `filter.limit` that match; with `filter.after`, all that came
///          after that event, in the order in which they came.
/// @errors  with `after` only. kNotFound: nobody knows that event. kLimit: more than kMaxEvents
///          came since.
Result<std::vector<ledger::Event>> event_history(const std::string& database,
                                                 const std::deque<ledger::Event>& recent,
                                                 const api::EventFilter& filter);

}  // namespace nines::daemon
