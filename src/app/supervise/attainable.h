// What of a unit's resource settings this kernel lets us set. Inside a container, or without root,
// some are out of reach; a service that starts with the nearest value beats one that does not
// start.
#pragma once

#include <string>
#include <vector>

#include "app/unit/spec.h"
#include "sys/spawn.h"

namespace nines::supervise {

/// What we may do to limits of the host.
struct Reach {
  bool resources = false;  ///< CAP_SYS_RESOURCE in the initial user namespace
  bool nice = false;       ///< CAP_SYS_NICE there
};
/// @source capabilities(7), user_namespaces(7): the kernel checks these in the initial one
Reach own_reach();

/// Sets limits, nice level and OOM score of `request` to what the unit asks for, or the nearest
/// that can be set. @return one remark for each that is not what the unit asks for.
/// @source systemd's setrlimit_closest(), setpriority_closest(), set_oom_score_adjust()
std::vector<std::string> apply_attainable(const unit::ExecSettings& exec, const Reach& reach,
                                          sys::SpawnRequest& request);

}  // namespace nines::supervise
