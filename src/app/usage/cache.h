// What measurements have in common: one HostCache for all units, one UnitCache for each.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/usage/cgroup_level.h"
#include "app/usage/proc_text.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"
#include "sys/host_root.h"
#include "sys/sock_diag.h"

namespace nines::usage {

/// How many tasks there are on the host, and may be.
struct HostTasks {
  double running = 0;
  double limit = 0;
  const char* limited_by = "";  ///< the sysctl's name
};

/// A socket that listens.
struct Listener {
  std::string address;
  double waiting = 0;
  double capacity = 0;
};

/// The host's side: read at most once within kRound, whatever the number of units.
class HostCache {
 public:
  explicit HostCache(sys::HostRoot root = {}) : root_(std::move(root)) {}

  const sys::HostRoot& root() const { return root_; }
  /// A cgroup that units have in common.
  CgroupLevel& shared_cgroup(const std::string& path);
  /// Bytes that the host can still give without swapping. @source MemAvailable, proc_meminfo(5)
  Result<double> available_memory(BootTime now);
  Result<HostTasks> tasks(BootTime now);
  /// Lists the listening sockets of our network namespace; listener() then looks among them.
  /// @errors kUnsupported: a kernel without socket diagnosis, or the root is not the real one.
  Status list_listeners(BootTime now);
  std::optional<Listener> listener(std::uint64_t inode) const;
  /// Linux 6.2 and later tell the number of descriptors as the size of /proc/PID/fd.
  /// @source proc_fd_getattr(), fs/proc/fd.c
  bool directory_size_counts_descriptors();

 private:
  Result<double> read_available_memory() const;
  Result<HostTasks> read_tasks(BootTime now);
  Status read_listeners();

  template <typename T>
  struct Kept {
    std::optional<Result<T>> value;
    BootTime until;
  };
  sys::HostRoot root_;
  std::unordered_map<std::string, CgroupLevel> cgroups_;
  Kept<double> available_;
  Kept<HostTasks> tasks_;
  Kept<void> listeners_;
  HostTasks tasks_limit_;
  BootTime tasks_limit_until_;
  std::optional<bool> size_counts_;
  std::optional<sys::SockDiag> diag_;
  std::unordered_map<std::uint64_t, sys::TcpListener> tcp_;
  std::unordered_map<std::uint64_t, sys::UnixListener> unix_;
};

/// What is known of one process.
struct ProcessFacts {
  pid_t pid = 0;
  /// Of /proc/PID: another process of the same number has another one. That the kernel may also
  /// give a process a new one costs a refresh.
  ino_t identity = 0;
  BootTime refresh_at{};
  SoftLimits limits{};
  uid_t real_user = 0;
  std::uint64_t capabilities = 0;
  double descriptors = 0;  ///< where counting is dear: valid until
  BootTime descriptors_until{};
};

/// A file system that the unit writes to.
struct FileSystem {
  std::string path;         ///< to ask for it
  std::string mount_point;  ///< as the unit sees it
  std::string device;
  bool may_use_reserve = false;  ///< the blocks that are kept back for root
};

/// A cgroup of a unit. Its path is among those of the measurement: a thousand units have it once.
struct OwnCgroup {
  std::size_t index = 0;  ///< in Measured::cgroups
  CgroupLevel level;
};

/// A unit's side. Filled in by measure() alone; dies with the unit.
struct UnitCache {
  ProcessId main;
  std::vector<ProcessFacts> processes;  ///< by pid
  std::vector<OwnCgroup> cgroups;       ///< those that may limit something
  std::size_t cgroup_paths = 0;         ///< a hash: of which paths they are
  std::vector<FileSystem> file_systems;
  std::vector<std::uint64_t> listeners;  ///< inodes
  bool searched = false;
  BootTime search_again;
};

}  // namespace nines::usage
