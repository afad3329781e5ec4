#include "sys/feature_probes.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sys/pidfd.h"
#include "sys/probe_child.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // asm-generic/socket.h of 6.5
#endif

namespace nines::sys::probe {
namespace {

Outcome failed(const char* what) {
  return Error::from_errno(errno, what);
}

Outcome worked() {
  return std::string();
}

}  // namespace

Outcome in_child(const char* what, const std::function<Outcome()>& attempt) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("make pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ProbeChild child([&] {
    // First byte: 'y' or 'n'; then the text. Fits a pipe, so one write takes it.
    const Outcome outcome = attempt();
    const std::string text =
        outcome ? "y" + *outcome : "n" + outcome.error().message().substr(0, 1000);
    return ::write(writer.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0
                                                                                                : 1;
  });
  if (!child.started()) return failed("fork");
  writer.reset();
  std::array<char, 4096> buffer;
  ssize_t size = 0;
  do {
    size = ::read(reader.get(), buffer.data(), buffer.size());
  } while (size < 0 && errno == EINTR);
  if (size <= 0) {
    return Error(ErrorCode::kUnsupported, what).with_detail("the attempt ended its process");
  }
  std::string text(buffer.data() + 1, static_cast<std::size_t>(size) - 1);
  if (buffer[0] == 'y') return text;
  return Error(ErrorCode::kUnsupported, "").with_detail(std::move(text));
}

Outcome pidfd() {
  ProbeChild child(wait_to_be_killed);
  if (!child.started()) return failed("fork");
  NINES_ASSIGN(const Pidfd handle, Pidfd::open(child.pid()));
  NINES_TRY(handle.send_signal(SIGKILL));
  return worked();
}

Outcome pidfd_getfd() {
  const UniqueFd wanted(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ProbeChild child(wait_to_be_killed);
  if (!child.started()) return failed("fork");
  NINES_ASSIGN(const Pidfd handle, Pidfd::open(child.pid()));
  NINES_ASSIGN(const UniqueFd copy, handle.get_fd(wanted.get()));
  return worked();
}

Outcome pidfd_exit_info() {
  ProbeChild child([] { return 7; });
  if (!child.started()) return failed("fork");
  NINES_ASSIGN(const Pidfd handle, Pidfd::open(child.pid()));
  child.wait();
  NINES_ASSIGN(const ExitStatus status, handle.exit_status());
  if (status != ExitStatus{ExitStatus::Kind::kExited, 7}) {
    return Error(ErrorCode::kUnsupported, "read exit status").with_detail("it is not the child's");
  }
  return worked();
}

Outcome clone3() {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) ::_exit(0);
  if (pid < 0) return failed("clone3");
  while (::waitpid(static_cast<pid_t>(pid), nullptr, 0) < 0 && errno == EINTR) {
  }
  return worked();
}

Outcome close_range() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("open /dev/null");
  const auto number = static_cast<unsigned>(fd);
  if (::syscall(SYS_close_range, number, number, 0) == 0) return worked();
  const Outcome outcome = failed("close_range");
  ::close(fd);
  return outcome;
}

Outcome subreaper() {
  return in_child("become subreaper", []() -> Outcome {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return failed("become subreaper");
    return worked();
  });
}

Outcome so_peerpidfd() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return failed("socketpair");
  }
  const UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  int fd = -1;
  socklen_t size = sizeof fd;
  if (::getsockopt(ours.get(), SOL_SOCKET, SO_PEERPIDFD, &fd, &size) != 0) {
    return failed("ask for the peer's pidfd");
  }
  const UniqueFd peer(fd);
  return worked();
}

Outcome seccomp() {
  return in_child("install a seccomp filter", []() -> Outcome {
    sock_filter allow_all BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{1, &allow_all};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("set no-new-privileges");
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
      return failed("install a seccomp filter");
    }
    return worked();
  });
}

Outcome net_admin() {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return failed("socket");
  const int size = 65536;
  // The least of what asks for CAP_NET_ADMIN, and it leaves nothing behind.
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    return failed("administer the network");
  }
  return worked();
}

Outcome sys_ptrace() {
  // Somebody else than us, even where we are nobody.
  constexpr uid_t kNobody = 65534;
  const uid_t other = ::geteuid() == kNobody ? kNobody - 1 : kNobody;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("make pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ProbeChild child([&] {
    const char changed = ::setresuid(other, other, other) == 0 ? 'y' : 'n';
    if (::write(writer.get(), &changed, 1) != 1) return 1;
    return wait_to_be_killed();
  });
  if (!child.started()) return failed("fork");
  writer.reset();
  char changed = 'n';
  if (::read(reader.get(), &changed, 1) != 1 || changed != 'y') {
    return Error(ErrorCode::kDenied, "trace other users' processes").with_detail("own ones only");
  }
  // Without stopping it; the tie goes when the child is killed.
  if (::ptrace(PTRACE_SEIZE, child.pid(), nullptr, nullptr) != 0) {
    return failed("trace other users' processes");
  }
  return worked();
}

}  // namespace nines::sys::probe
