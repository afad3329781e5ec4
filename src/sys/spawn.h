// Starts a program: clone3 with vfork semantics, so that it costs the same however large the
// caller is, and so that the new process is in its cgroup, and its pid recorded, before its first
// instruction.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "sys/pidfd.h"

namespace nines::sys {

struct SpawnCredentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

/// What to start and how. Descriptors are borrowed for the call.
struct SpawnRequest {
  std::string path;  ///< absolute
  std::vector<std::string> argv;
  std::vector<std::string> environment;    ///< "NAME=value"
  std::vector<std::string> pid_variables;  ///< these names are set to the new process's pid
  int stdin_fd = -1;                       ///< -1: /dev/null
  int stdout_fd = -1;
  int stderr_fd = -1;
  std::vector<int> pass_fds;  ///< become 3, 4, 5 ... in the new process; all others are closed

  std::string working_directory;  ///< empty: "/"
  bool working_directory_optional = false;
  std::string root_directory;
  mode_t umask = 0022;
  std::optional<SpawnCredentials> credentials;
  std::map<int, rlimit> limits;
  std::optional<int> nice;
  std::optional<int> oom_score_adjust;
  std::vector<unsigned> cpu_affinity;
  std::optional<int> scheduling_policy;
  int scheduling_priority = 0;
  std::optional<int> io_priority;  ///< class << 13 | level
  bool no_new_privileges = false;
  std::optional<std::uint64_t> capability_bounding_set;
  std::uint64_t ambient_capabilities = 0;
  bool ignore_sigpipe = false;
  bool new_session = true;

  int cgroup_fd = -1;                     ///< v2 directory to be born in
  std::vector<std::string> cgroup_procs;  ///< v1 files to write "0" to

  /// The new process becomes a sibling of the caller: its parent is the caller's parent.
  bool sibling = false;
  /// Written by the kernel with the pid before the new process runs; may lie in memory shared with
  /// another process, which then knows of it even if the caller is killed at this instant.
  pid_t* pid_slot = nullptr;
};

struct SpawnedProcess {
  ProcessId id;
  Pidfd pidfd;
};

/// Starts it and returns once it executes its program.
/// @errors the step that failed in the new process is the error's op ("chdir", "set user",
///         "execute" ...), with errno; nothing is left running. With `sibling` the dead child is
///         reaped by the parent it was given.
/// @source clone3(2): CLONE_VM, CLONE_VFORK, CLONE_PIDFD, CLONE_INTO_CGROUP, CLONE_PARENT,
///         CLONE_PARENT_SETTID, CLONE_CLEAR_SIGHAND
Result<SpawnedProcess> spawn(const SpawnRequest& request);

/// Finds a bare name in the fixed search path of systemd.service(5); absolute paths are checked.
/// @errors kNotFound, kDenied (not executable).
Result<std::string> find_executable(const std::string& name);

}  // namespace nines::sys
