#include "sys/spawn_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// This file runs with the parent's memory, in place of the parent's thread. Hence raw system
// calls only: glibc's set*id() would signal the other threads, and sanitizers must stay out.
#define NINES_CHILD_CODE __attribute__((no_sanitize("address", "thread", "undefined")))

namespace nines::sys::internal {
namespace {

template <typename... Args>
NINES_CHILD_CODE long call(long number, Args... args) {
  return ::syscall(number, args...);
}

[[noreturn]] NINES_CHILD_CODE void fail(ChildPlan* plan, ChildStep step) {
  plan->failed_errno = errno;
  plan->failed_step = step;
  for (;;) call(SYS_exit_group, 127);
}

NINES_CHILD_CODE void write_pid(char* text, pid_t pid) {
  char digits[12];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + pid % 10);
    pid /= 10;
  } while (pid != 0);
  while (count > 0) *text++ = digits[--count];
  *text = '\0';
}

NINES_CHILD_CODE bool write_text(const char* path, const char* text) {
  const long fd = call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  const bool written = call(SYS_write, fd, text, size) >= 0;
  const int saved = errno;
  call(SYS_close, fd);
  errno = saved;
  return written;
}

NINES_CHILD_CODE void arrange_descriptors(ChildPlan* plan) {
  // The parent made every source at or above fd_count, so no dup2 overwrites a source.
  for (std::size_t n = 0; n < plan->fd_count; ++n) {
    if (call(SYS_dup3, plan->fds[n], static_cast<int>(n), 0) < 0)
      fail(plan, ChildStep::kDescriptors);
  }
  if (call(SYS_close_range, static_cast<unsigned>(plan->fd_count), ~0U, 0) < 0) {
    fail(plan, ChildStep::kDescriptors);
  }
}

NINES_CHILD_CODE void set_scheduling(ChildPlan* plan) {
  for (std::size_t i = 0; i < plan->limit_count; ++i) {
    if (call(SYS_prlimit64, 0, plan->limits[i].resource, &plan->limits[i].value, nullptr) < 0) {
      fail(plan, ChildStep::kLimits);
    }
  }
  if (plan->nice != nullptr && call(SYS_setpriority, PRIO_PROCESS, 0, *plan->nice) < 0) {
    fail(plan, ChildStep::kNice);
  }
  if (plan->oom_score_adjust != nullptr &&
      !write_text("/proc/self/oom_score_adj", plan->oom_score_adjust)) {
    fail(plan, ChildStep::kOomScore);
  }
  if (plan->affinity != nullptr &&
      call(SYS_sched_setaffinity, 0, plan->affinity_size, plan->affinity) < 0) {
    fail(plan, ChildStep::kAffinity);
  }
  if (plan->scheduling_policy != nullptr) {
    sched_param parameters{};
    parameters.sched_priority = plan->scheduling_priority;
    if (call(SYS_sched_setscheduler, 0, *plan->scheduling_policy, &parameters) < 0) {
      fail(plan, ChildStep::kScheduling);
    }
  }
  constexpr int kIoPriorityWhoProcess = 1;  // IOPRIO_WHO_PROCESS, ioprio_set(2)
  if (plan->io_priority != nullptr &&
      call(SYS_ioprio_set, kIoPriorityWhoProcess, 0, *plan->io_priority) < 0) {
    fail(plan, ChildStep::kIoPriority);
  }
}

NINES_CHILD_CODE void set_ambient(ChildPlan* plan) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (call(SYS_capget, &header, data) < 0) fail(plan, ChildStep::kCapabilities);
  const std::uint32_t low = static_cast<std::uint32_t>(plan->ambient);
  const std::uint32_t high = static_cast<std::uint32_t>(plan->ambient >> 32);
  data[0].inheritable |= low;
  data[1].inheritable |= high;
  data[0].effective |= low & data[0].permitted;
  data[1].effective |= high & data[1].permitted;
  if (call(SYS_capset, &header, data) < 0) fail(plan, ChildStep::kCapabilities);
  for (unsigned cap = 0; cap < 64; ++cap) {
    if ((plan->ambient >> cap & 1U) == 0) continue;
    if (call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, static_cast<unsigned long>(cap), 0UL,
             0UL) < 0) {
      fail(plan, ChildStep::kCapabilities);
    }
  }
}

NINES_CHILD_CODE void drop_bounding_set(ChildPlan* plan) {
  for (unsigned cap = 0; cap < 64; ++cap) {
    if ((*plan->bounding_set >> cap & 1U) != 0) continue;
    if (call(SYS_prctl, PR_CAPBSET_DROP, static_cast<unsigned long>(cap), 0UL, 0UL, 0UL) < 0) {
      if (errno == EINVAL) return;  // past the last capability that this kernel has
      // Without CAP_SETPCAP nothing can be dropped; one that is already gone is no failure.
      if (call(SYS_prctl, PR_CAPBSET_READ, static_cast<unsigned long>(cap), 0UL, 0UL, 0UL) == 0) {
        continue;
      }
      errno = EPERM;
      fail(plan, ChildStep::kCapabilities);
    }
  }
}

NINES_CHILD_CODE void set_privileges(ChildPlan* plan) {
  if (plan->root_directory != nullptr) {
    if (call(SYS_chroot, plan->root_directory) < 0) fail(plan, ChildStep::kRoot);
    if (call(SYS_chdir, "/") < 0) fail(plan, ChildStep::kRoot);
  }
  if (plan->bounding_set != nullptr) drop_bounding_set(plan);
  if (plan->set_credentials) {
    if (call(SYS_setgroups, plan->group_count, plan->groups) < 0) fail(plan, ChildStep::kGroups);
    if (call(SYS_setresgid, plan->gid, plan->gid, plan->gid) < 0) fail(plan, ChildStep::kGroups);
    if (plan->ambient != 0 && call(SYS_prctl, PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) < 0) {
      fail(plan, ChildStep::kCapabilities);
    }
    if (call(SYS_setresuid, plan->uid, plan->uid, plan->uid) < 0) fail(plan, ChildStep::kUser);
  }
  if (plan->ambient != 0) set_ambient(plan);
  if (plan->no_new_privileges && call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) < 0) {
    fail(plan, ChildStep::kNoNewPrivileges);
  }
}

NINES_CHILD_CODE void reset_signals(ChildPlan* plan) {
  // The kernel's own struct: handler, flags, restorer, mask. rt_sigaction(2).
  struct KernelSigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    unsigned long mask;
  };
  KernelSigaction action{};
  // CLONE_CLEAR_SIGHAND kept what was ignored; a program expects the default of everything.
  for (int signal = 1; signal < 65; ++signal) {
    action.handler = plan->ignore_sigpipe && signal == SIGPIPE ? SIG_IGN : SIG_DFL;
    call(SYS_rt_sigaction, signal, &action, nullptr, sizeof(unsigned long));
  }
  const unsigned long none = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

}  // namespace

const char* step_name(ChildStep step) {
  switch (step) {
    case ChildStep::kNone: return "none";
    case ChildStep::kSession: return "create session";
    case ChildStep::kCgroup: return "enter cgroup";
    case ChildStep::kDescriptors: return "pass descriptors";
    case ChildStep::kLimits: return "set resource limit";
    case ChildStep::kNice: return "set nice level";
    case ChildStep::kOomScore: return "set OOM score";
    case ChildStep::kAffinity: return "set CPU affinity";
    case ChildStep::kScheduling: return "set CPU scheduling";
    case ChildStep::kIoPriority: return "set I/O priority";
    case ChildStep::kRoot: return "change root directory";
    case ChildStep::kGroups: return "set groups";
    case ChildStep::kCapabilities: return "set capabilities";
    case ChildStep::kUser: return "set user";
    case ChildStep::kNoNewPrivileges: return "set no_new_privs";
    case ChildStep::kWorkingDirectory: return "change directory";
    case ChildStep::kExecute: return "execute";
  }
  return "?";
}

[[noreturn]] NINES_CHILD_CODE void run_child(ChildPlan* plan) {
  const pid_t pid = static_cast<pid_t>(call(SYS_getpid));
  for (std::size_t i = 0; i < plan->pid_text_count; ++i) write_pid(plan->pid_texts[i], pid);
  if (plan->new_session && call(SYS_setsid) < 0) fail(plan, ChildStep::kSession);
  for (std::size_t i = 0; i < plan->cgroup_procs_count; ++i) {
    if (!write_text(plan->cgroup_procs[i], "0")) fail(plan, ChildStep::kCgroup);
  }
  set_scheduling(plan);
  arrange_descriptors(plan);
  call(SYS_umask, plan->umask);
  set_privileges(plan);
  // As the unit's user, so that a directory only that user may enter works.
  if (call(SYS_chdir, plan->working_directory) < 0 &&
      (!plan->working_directory_optional || call(SYS_chdir, "/") < 0)) {
    fail(plan, ChildStep::kWorkingDirectory);
  }
  reset_signals(plan);
  call(SYS_execve, plan->path, plan->argv, plan->envp);
  fail(plan, ChildStep::kExecute);
}

}  // namespace nines::sys::internal
