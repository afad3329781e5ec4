// core_pattern while the daemon runs: what nines crash setup has set up, at each start of the
// daemon again, and until its end.
#pragma once

#include <string>

#include "base/result.h"

namespace nines::daemon {

/// Writes our core_pattern, if it was set up and the former one is there, as after a boot.
/// @return what is to be said to the operator, or nothing.
/// @errors those of crash::write_pattern(); kExists: somebody else has changed it meanwhile.
Result<std::string> put_hook_in_place(const std::string& state_dir);

/// Nobody will be behind our socket: gives the former core_pattern back until the next start. A
/// pattern that needs no daemon stays.
Status lift_hook(const std::string& state_dir);

}  // namespace nines::daemon
