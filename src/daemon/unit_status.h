// A unit of the supervisor in the API's words.
#pragma once

#include "api/types.h"
#include "app/supervise/manager.h"

namespace nines::daemon {

api::UnitStatus describe_unit(const supervise::UnitEntry& entry);
api::LogLine parse_log_line(std::string_view line);

}  // namespace nines::daemon
