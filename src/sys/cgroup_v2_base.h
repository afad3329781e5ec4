// The place of our cgroups in the v2 hierarchy, with its no-internal-processes rule: a cgroup other
// than the root has either processes or children with controllers. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sys/cgroup_mounts.h"

namespace nines::sys {

/// mkdir of one directory; one that exists is left as it is. For v1 too.
Status make_cgroup(const std::string& path);

/// Lets the children of a v2 cgroup have memory, cpu and pids, those of them that it has itself.
/// What is not permitted is left out silently: enabled_controllers() tells what came of it.
/// @errors kBusy: processes in it are in the way.
Status enable_controllers(const std::string& cgroup);

/// The controllers of ours that children of a v2 cgroup get.
std::vector<std::string> enabled_controllers(const std::string& cgroup);

/// Makes the directory that CgroupTree describes and enables controllers. @return its path.
/// @errors kDenied: there is no place where we may.
Result<std::string> make_v2_base(const OwnCgroup& own, const std::string& name);

}  // namespace nines::sys
