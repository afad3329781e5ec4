// What a unit uses, and the limit that really applies to it: of all that could end it, the one that
// is nearest. Measured again and again, each pair of resource and `limited_by` is a series, of
// which somebody else can say when it will reach its limit.
//
// What counts, and what does not:
//   memory    what the unit's memory cgroup holds, without what the kernel takes back before it
//             kills: page cache that was not touched for long (inactive_file) and reclaimable slab.
//             A program that reads files fills its cgroup to the brim with cache; that is no leak.
//             A limit of a cgroup above the unit's is compared with the use of that cgroup.
//             Without a memory cgroup: resident memory and swap of its processes.
//   fds       open descriptors of the process that is nearest to its own RLIMIT_NOFILE
//   threads   tasks in the unit's cgroup, or threads of its processes
//   disk      file systems that it writes to: space and inodes, whoever uses them
//   backlog   connections that wait to be accepted, of each listening socket
//
// Of what belongs to the whole host (memory, tasks) the value is the unit's and the limit is the
// value and what is still free: how far the unit could grow if nobody else did.
//
// Not measured: disk quotas; file systems behind a network or FUSE, because to ask a dead server
// waits for ever; sockets in a network namespace other than ours; limits of cgroups that our cgroup
// namespace hides (of v1 memory they are known all the same).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "app/usage/cache.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/types.h"

namespace nines::usage {

enum class Resource : std::uint8_t { kMemory, kFds, kThreads, kDisk, kBacklog };
std::string_view to_string(Resource resource);  ///< "memory", "fds" ...

/// Whose the limit is, and so what a fresh process in the unit's place changes.
enum class Scope : std::uint8_t {
  kProcess,  ///< of one process, which `limited_by` names: it ends with that
  kUnit,     ///< of the unit alone: a fresh process begins anew below it
  kShared,   ///< of several units, a user or the host: any of them may be what grows
};

inline constexpr double kNoLimit = std::numeric_limits<double>::infinity();

struct Usage {
  Resource resource = Resource::kMemory;
  /// Printable ASCII: "memory.max of /sys/fs/cgroup/nines/a.service", "RLIMIT_NOFILE of 1234",
  /// "available memory of the host", "free space of /var", "listen backlog of 127.0.0.1:6379".
  std::string limited_by;
  double value = 0;  ///< bytes, or a number of what the resource is named for
  double limit = kNoLimit;
  Scope scope = Scope::kUnit;

  /// @return how much of the limit is free, 1 where there is none; negative beyond it.
  double room() const;
};

/// What belongs to a unit at the moment of a measurement.
struct Measured {
  ProcessId main{};
  std::vector<pid_t> processes{};      ///< all, the main one too; kMaxProcesses are looked at
  std::vector<std::string> cgroups{};  ///< v2 and v1, paths to open, as sys::CgroupPaths has them
  std::vector<std::uint64_t> held_sockets{};  ///< inodes of sockets that are held for it
  std::vector<std::string> directories{};     ///< that it writes to, "/var/lib/redis"
};

inline constexpr std::size_t kMaxProcesses = 256;

struct Measurement {
  std::vector<Usage> usages;
  /// What could not be read though it is there; its usages are missing. That a process ended
  /// meanwhile is none of them.
  std::vector<Error> failures;
};

/// Reads once, in microseconds to tens of them for each process; nothing here waits.
/// @param  now   ages what the caches hold; never runs backwards.
/// @param  host  one for all units.
/// @param  unit  this unit's own, from one measurement to the next.
Measurement measure(const Measured& measured, BootTime now, HostCache& host, UnitCache& unit);

}  // namespace nines::usage
