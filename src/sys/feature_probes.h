// One function for each feature: does it, and says how it went. Private to features.cc.
//
// A success carries the variant or nothing. What cannot be tried in this process without leaving a
// trace is tried in a forked one, which ends at once.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "sys/host_root.h"

namespace nines::sys::probe {

using Outcome = Result<std::string>;

/// Runs `attempt` in a forked child and brings its outcome back.
Outcome in_child(const char* what, const std::function<Outcome()>& attempt);

Outcome pidfd();
Outcome pidfd_getfd();
Outcome pidfd_exit_info();
Outcome clone3();
Outcome close_range();
Outcome subreaper();
Outcome so_peerpidfd();
Outcome seccomp();
Outcome net_admin();
Outcome sys_ptrace();

struct CgroupProbes {
  Outcome tree, v2, clone_into, kill, memory, cpu, pids, freeze;
};
/// Makes a cgroup of its own, tries all with it and removes it.
CgroupProbes cgroups(const HostRoot& root);

}  // namespace nines::sys::probe
