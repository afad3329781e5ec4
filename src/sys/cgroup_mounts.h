// Where this process is in each mounted cgroup hierarchy. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "sys/host_root.h"

namespace nines::sys {

struct OwnCgroup {
  std::vector<std::string> controllers;  ///< v1 only; empty: this is the v2 hierarchy
  std::string mount_point;               ///< both are paths to open, with the HostRoot's prefix
  std::string directory;

  bool is_v2() const { return controllers.empty(); }
};

/// Reads /proc/self/cgroup and /proc/self/mountinfo. Hierarchies that are not mounted, or mounted
/// so that our own cgroup is out of sight, and named ones without controllers are left out.
/// @source cgroups(7), proc_pid_mountinfo(5)
std::vector<OwnCgroup> find_own_cgroups(const HostRoot& root);

}  // namespace nines::sys
