// The part of spawn() that runs in the new process. Private to sys/.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace nines::sys::internal {

enum class ChildStep : std::uint8_t {
  kNone,
  kSession,
  kCgroup,
  kDescriptors,
  kLimits,
  kNice,
  kOomScore,
  kAffinity,
  kScheduling,
  kIoPriority,
  kRoot,
  kGroups,
  kCapabilities,
  kUser,
  kNoNewPrivileges,
  kWorkingDirectory,
  kExecute,
};
const char* step_name(ChildStep step);

struct ChildLimit {
  int resource;
  rlimit value;
};

/// Everything the child needs, laid out by the parent beforehand: the child shares the parent's
/// memory and must not allocate, lock, or touch anything else.
struct ChildPlan {
  const char* path;
  char* const* argv;
  char* const* envp;
  char** pid_texts;  ///< where to write the own pid, as decimal text, in the environment
  std::size_t pid_text_count;
  int* fds;  ///< fds[n] becomes n; all at or above `first_free`
  std::size_t fd_count;
  const char* working_directory;
  bool working_directory_optional;
  const char* root_directory;
  mode_t umask;
  bool set_credentials;
  uid_t uid;
  gid_t gid;
  const gid_t* groups;
  std::size_t group_count;
  const ChildLimit* limits;
  std::size_t limit_count;
  const int* nice;
  const char* oom_score_adjust;
  const void* affinity;
  std::size_t affinity_size;
  const int* scheduling_policy;
  int scheduling_priority;
  const int* io_priority;
  bool no_new_privileges;
  const std::uint64_t* bounding_set;
  std::uint64_t ambient;
  bool ignore_sigpipe;
  bool new_session;
  const char* const* cgroup_procs;
  std::size_t cgroup_procs_count;

  // Answer, read by the parent after the child has executed or ended.
  volatile ChildStep failed_step;
  volatile int failed_errno;
};

/// Never returns: executes the program or ends with code 127 and the failure in `plan`.
[[noreturn]] void run_child(ChildPlan* plan);

}  // namespace nines::sys::internal
