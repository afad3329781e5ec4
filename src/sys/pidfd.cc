#include "sys/pidfd.h"

#include <fmt/format.h>

#include <poll.h>
#include <signal.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): sigabbrev_np is not in <cstring>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::sys {
namespace {

// linux/pidfd.h of 6.16; Debian's headers do not have it yet. A kernel that knows less of it fills
// in what it knows.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid;
  std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;
  std::uint32_t coredump_mask, spare;
};
static_assert(sizeof(PidfdInfo) == 72);  // PIDFD_INFO_SIZE_VER1
constexpr std::uint64_t kPidfdInfoPid = 1U << 0;
constexpr std::uint64_t kPidfdInfoExit = 1U << 3;
constexpr std::uint64_t kPidfdInfoCoredump = 1U << 4;
constexpr std::uint32_t kDumped = 1U << 0;
constexpr std::uint32_t kDumpedAsUser = 1U << 2;
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

Result<PidfdInfo> ask(int pidfd, std::uint64_t mask, const char* op) {
  PidfdInfo info{};
  info.mask = mask;
  if (::ioctl(pidfd, kPidfdGetInfo, &info) == 0) return info;
  if (errno == ENOTTY || errno == EINVAL) return Error(ErrorCode::kUnsupported, op);
  return Error::from_errno(errno, op);
}

}  // namespace

std::string to_string(const ExitStatus& status) {
  switch (status.kind) {
    case ExitStatus::Kind::kExited: return fmt::format("exit code {}", status.value);
    case ExitStatus::Kind::kKilled:
    case ExitStatus::Kind::kDumped: {
      const char* name = sigabbrev_np(status.value);
      return fmt::format("signal {}{}", name != nullptr ? name : std::to_string(status.value),
                         status.kind == ExitStatus::Kind::kDumped ? " (core dumped)" : "");
    }
    case ExitStatus::Kind::kUnknown: return "unknown";
  }
  return "unknown";
}

ExitStatus exit_status_from_wait(int wstatus) {
  if (WIFEXITED(wstatus)) return {ExitStatus::Kind::kExited, WEXITSTATUS(wstatus)};
  if (WIFSIGNALED(wstatus)) {
    return {WCOREDUMP(wstatus) ? ExitStatus::Kind::kDumped : ExitStatus::Kind::kKilled,
            WTERMSIG(wstatus)};
  }
  return {};
}

Result<Pidfd> Pidfd::open(pid_t pid) {
  // pidfds are CLOEXEC by themselves.
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return Error::from_errno(errno, "open pidfd of process", std::to_string(pid));
  return Pidfd(UniqueFd(static_cast<int>(fd)));
}

Result<Pidfd> Pidfd::open(const ProcessId& id) {
  NINES_ASSIGN(Pidfd pidfd, open(id.pid));
  if (id.start == StartTime::kUnknown) return pidfd;
  // The order matters: the pidfd is held first, so what /proc tells afterwards is of that process
  // or of a later one, and a later one has a later start time.
  NINES_ASSIGN(const ProcessId now, Procfs().identify(id.pid));
  if (now.start != id.start) {
    return Error(ErrorCode::kGone, "open pidfd of process", std::to_string(id.pid))
        .with_detail("the pid belongs to another process now");
  }
  return pidfd;
}

Status Pidfd::send_signal(int signal) const {
  if (::syscall(SYS_pidfd_send_signal, fd(), signal, nullptr, 0) != 0) {
    return Error::from_errno(errno, "send signal", std::to_string(signal));
  }
  return {};
}

bool Pidfd::has_exited() const {
  pollfd poller{fd(), POLLIN, 0};
  return ::poll(&poller, 1, 0) == 1;
}

Result<ExitStatus> Pidfd::exit_status() const {
  NINES_ASSIGN(const PidfdInfo info, ask(fd(), kPidfdInfoExit, "read exit status from pidfd"));
  if ((info.mask & kPidfdInfoExit) == 0) {
    return Error(ErrorCode::kBusy, "read exit status from pidfd").with_detail("not reaped yet");
  }
  return exit_status_from_wait(info.exit_code);
}

Result<CoredumpInfo> Pidfd::coredump() const {
  NINES_ASSIGN(const PidfdInfo info, ask(fd(), kPidfdInfoPid | kPidfdInfoCoredump,
                                         "ask pidfd whether the process is being dumped"));
  const bool dumping = (info.mask & kPidfdInfoCoredump) != 0 && (info.coredump_mask & kDumped) != 0;
  return CoredumpInfo{static_cast<pid_t>(info.tgid), dumping,
                      (info.coredump_mask & kDumpedAsUser) != 0};
}

Result<ExitStatus> Pidfd::zombie_exit_status(pid_t pid) const {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  NINES_ASSIGN(const std::string stat, read_file(path));
  const auto state = stat.rfind(") ");
  const auto last = stat.rfind(' ');
  if (state == std::string::npos || last == std::string::npos || last <= state) {
    return Error(ErrorCode::kCorrupt, "read exit status from", path);
  }
  if (stat[state + 2] != 'Z') return Error(ErrorCode::kBusy, "read exit status from", path);
  int wait_status = 0;
  std::from_chars(stat.data() + last + 1, stat.data() + stat.size(), wait_status);
  // Asked last: while our handle's process is unreaped the pid cannot have been another's.
  if (::syscall(SYS_pidfd_send_signal, fd(), 0, nullptr, 0) != 0) {
    return Error::from_errno(errno, "read exit status from", path);
  }
  return exit_status_from_wait(wait_status);
}

Result<UniqueFd> Pidfd::get_fd(int remote_fd) const {
  const long copy = ::syscall(SYS_pidfd_getfd, fd(), remote_fd, 0);
  if (copy < 0) return Error::from_errno(errno, "copy descriptor", std::to_string(remote_fd));
  return UniqueFd(static_cast<int>(copy));
}

}  // namespace nines::sys
