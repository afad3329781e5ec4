#include "trace/sandbox.h"

#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace nines::trace {
namespace {

constexpr uid_t kNobody = 65534;

Status become_nobody() {
  if (::geteuid() != 0) return {};
  if (::setgroups(0, nullptr) != 0) return Error::from_errno(errno, "drop groups");
  if (::setresgid(kNobody, kNobody, kNobody) != 0) return Error::from_errno(errno, "set group");
  if (::setresuid(kNobody, kNobody, kNobody) != 0) return Error::from_errno(errno, "set user");
  return {};
}

Status limit(int resource, rlim_t most) {
  const auto which = static_cast<__rlimit_resource>(resource);
  rlimit now{};
  if (::getrlimit(which, &now) != 0) return Error::from_errno(errno, "read limit");
  // Where less is allowed already, nobody may raise it.
  const rlim_t allowed = std::min(most, now.rlim_max);
  const rlimit value{allowed, allowed};
  if (::setrlimit(which, &value) != 0) {
    return Error::from_errno(errno, "set limit");
  }
  return {};
}

Status allow_few_calls(bool receives_files) {
  const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_KILL_PROCESS),
                                                      seccomp_release);
  if (!filter) return Error(ErrorCode::kInternal, "create seccomp filter");
  constexpr int kAllowed[] = {
      SCMP_SYS(read),          SCMP_SYS(pread64), SCMP_SYS(write),      SCMP_SYS(writev),
      SCMP_SYS(lseek),         SCMP_SYS(fstat),   SCMP_SYS(newfstatat), SCMP_SYS(close),
      SCMP_SYS(mmap),          SCMP_SYS(munmap),  SCMP_SYS(mremap),     SCMP_SYS(mprotect),
      SCMP_SYS(madvise),       SCMP_SYS(brk),     SCMP_SYS(futex),      SCMP_SYS(getrandom),
      SCMP_SYS(fcntl),         SCMP_SYS(exit),    SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
      SCMP_SYS(clock_gettime), SCMP_SYS(getpid),  SCMP_SYS(gettid)};
  for (const int call : kAllowed) {
    if (const int bad = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); bad != 0) {
      return Error::from_errno(-bad, "allow system call");
    }
  }
  for (const int call : {SCMP_SYS(sendmsg), SCMP_SYS(recvmsg)}) {
    if (!receives_files) break;
    if (const int bad = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); bad != 0) {
      return Error::from_errno(-bad, "allow system call");
    }
  }
  // Refused and not deadly: libraries look for optional files, and qsort(3) for memory;
  // sys::receive_message() asks for the kind of a socket whose other end is gone.
  for (const int call : {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(readlink),
                         SCMP_SYS(sysinfo), SCMP_SYS(getsockopt)}) {
    if (const int bad = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EACCES), call, 0); bad != 0) {
      return Error::from_errno(-bad, "refuse system call");
    }
  }
  if (const int bad = seccomp_load(filter.get()); bad != 0) {
    return Error::from_errno(-bad, "load seccomp filter");
  }
  return {};
}

}  // namespace

Status enter_sandbox(const SandboxLimits& limits) {
  NINES_TRY(become_nobody());
  // After the change of user, which clears it: the parent's end is ours.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return Error::from_errno(errno, "PR_SET_PDEATHSIG");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Error::from_errno(errno, "PR_SET_NO_NEW_PRIVS");
  }
  NINES_TRY(limit(RLIMIT_CORE, 0));
  NINES_TRY(limit(RLIMIT_CPU, limits.cpu_seconds));
#if !defined(__SANITIZE_ADDRESS__)  // its shadow memory alone is terabytes of address space
  NINES_TRY(limit(RLIMIT_AS, limits.address_space));
#endif
  return allow_few_calls(limits.receives_files);
}

}  // namespace nines::trace
