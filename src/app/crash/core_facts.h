// What a decision about a whole core is made of, looked up on this machine.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "app/crash/core_policy.h"
#include "app/crash/crash_store.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "sys/host_root.h"

namespace nines::crash {

/// Resident memory and what of it is in swap. @source VmRSS, VmSwap, proc_pid_status(5)
/// @errors kGone. kCorrupt: no such lines.
Result<Bytes> memory_of(pid_t pid, const sys::HostRoot& root = {});

/// What a second copy of a process could have: the least of what the host can give without
/// swapping, and what is left below the limit of each cgroup that the process is in. File pages
/// that can be dropped count as free. None: nothing of it can be read.
/// @source MemAvailable, proc_meminfo(5); memory.max, memory.current, memory.stat, cgroups(7)
std::optional<Bytes> headroom_of(pid_t pid, const sys::HostRoot& root = {});

/// So many whole cores are written at once: each takes processors and the disk from applications.
inline constexpr int kWholeCoresAtOnce = 2;
/// @param state  the directory that the store is in.
/// @return the right to write one, as long as it is held; invalid: others have it.
UniqueFd take_writer(const std::string& state);

/// @pre  those of `store` alone are looked up; the rest of it is given.
CoreFacts core_facts(pid_t pid, const std::string& store, const StoreLimits& limits);

}  // namespace nines::crash
