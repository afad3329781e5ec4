// What a unit's processes left behind where no cgroup tells who belongs to it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "sys/pidfd.h"
#include "sys/procfs.h"

namespace nines::supervise {

struct StrayQuery {
  std::set<std::string> invocation_ids;  ///< of the unit's present instance
  std::set<pid_t> parents;               ///< its known processes
  std::set<pid_t> spared;                ///< neither these nor what descends from them
};

struct Stray {
  ProcessId id;
  sys::Pidfd pidfd;
};

/// Processes that were started with one of the ids in their environment, whatever session they are
/// in and whoever is their parent by now, and all that descend from the parents, whatever their
/// environment says. Reads all of /proc. One that changed its environment in memory and whose
/// ancestors are gone is not found.
/// @return neither parents nor zombies; empty where /proc cannot be read.
/// @source environ(7): INVOCATION_ID of systemd.exec(5); proc_pid_environ(5)
std::vector<Stray> find_strays(const StrayQuery& query, const sys::Procfs& procfs = sys::Procfs());

}  // namespace nines::supervise
