// Condition*= and Assert*= of systemd.unit(5).
#pragma once

#include "app/unit/spec.h"
#include "base/result.h"

namespace nines::supervise {

/// @param skip  set when a Condition*= is not met: the unit is silently not started.
/// @errors kInvalidArgument: an Assert*= is not met.
Status check_conditions(const unit::Unit& unit, bool& skip);

}  // namespace nines::supervise
