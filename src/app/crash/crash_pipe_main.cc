// nines-crash-pipe PID DUMPABLE RUNTIME-DIR STATE-DIR [PIDFD]: what the kernel starts for a crash
// where it has no core socket, or where crashes are to be kept without the daemon too. The core
// comes over standard input. It hands both the pipe and the process to the daemon, and ends;
// without a daemon it becomes nines-crash.
//
// The kernel runs it as root, with nothing in its environment that we could trust.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "app/crash/pipe_protocol.h"
#include "app/crash/places.h"
#include "base/clock.h"
#include "base/id128.h"
#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's
#include "sys/own_program.h"
#include "sys/pidfd.h"
#include "sys/procfs.h"
#include "sys/unix_socket.h"

namespace {

using namespace nines;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;

struct Arguments {
  crash::PipeNotice notice;
  std::string runtime_dir, state_dir;
  int pidfd = -1;
};

bool parse(int argc, char** argv, Arguments* out) {
  if (argc < 5 || argc > 6) return false;
  out->notice.pid = std::atoi(argv[1]);
  // A kernel that does not know %d leaves it empty: then it is for root alone.
  out->notice.dumpable = std::atoi(argv[2]) == 1 ? 1 : 2;
  out->runtime_dir = argv[3];
  out->state_dir = argv[4];
  // %F, Linux 6.16; before that it is empty.
  if (argc == 6 && argv[5][0] != '\0') out->pidfd = std::atoi(argv[5]);
  return out->notice.pid > 0 && out->runtime_dir.starts_with('/') &&
         out->state_dir.starts_with('/');
}

/// Where the kernel gives no handle, its pid may be another's by now: it must be there since before
/// us, and be dying.
Result<sys::Pidfd> find(pid_t pid) {
  NINES_ASSIGN(sys::Pidfd process, sys::Pidfd::open(pid));
  const sys::Procfs procfs;
  NINES_ASSIGN(const ProcessId its, procfs.identify(pid));
  NINES_ASSIGN(const ProcessId ours, procfs.identify(::getpid()));
  NINES_ASSIGN(const std::string status,
               sys::read_file("/proc/" + std::to_string(pid) + "/status"));
  const bool dying = status.find("\nCoreDumping:\t1\n") != std::string::npos;
  if (!dying || its.start > ours.start || process.has_exited()) {
    return Error(ErrorCode::kGone, "find process", std::to_string(pid))
        .with_detail("its pid is another's by now");
  }
  return process;
}

/// A record as the daemon makes it (daemon/crash_record.h), to be found by the next one.
void make_record(const Arguments& arguments, const std::string& id) {
  const std::string path = arguments.runtime_dir + "/crashes/" + id;
  const UniqueFd record(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!record) return;
  (void)::flock(record.get(), LOCK_EX);
  const std::string line = "{\"pid\":" + std::to_string(arguments.notice.pid) +
                           ",\"time_ns\":" + std::to_string(utc_now().ns) +
                           ",\"since_boot_ns\":" + std::to_string(boot_now().ns) + "}\n";
  (void)!::write(record.get(), line.data(), line.size());
  ::dup2(record.get(), STDOUT_FILENO);
}

/// @return only if it cannot be executed.
Error become_nines_crash(const Arguments& arguments, const sys::Pidfd& process) {
  const auto own = sys::own_program();
  if (!own) return own.error();
  std::string program = sys::beside(*own, "nines-crash");
  const std::string id = Id128::make().digits();
  (void)sys::make_directories(arguments.runtime_dir + "/crashes", 0700).has_value();
  make_record(arguments, id);
  // Above those that it is to have: none of both is overwritten.
  constexpr int kAbove = 10;
  const int pipe = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, kAbove);
  const int handle = ::fcntl(process.fd(), F_DUPFD_CLOEXEC, kAbove);
  if (pipe < 0 || handle < 0 || ::dup2(pipe, 3) < 0 || ::dup2(handle, 4) < 0) {
    return Error::from_errno(errno, "duplicate descriptor");
  }
  std::string pid = std::to_string(arguments.notice.pid);
  std::string dumpable = std::to_string(arguments.notice.dumpable);
  std::string directory = crash::store_path(arguments.state_dir) + "/" + id;
  char in_store[] = "--in-store", by_pipe[] = "--pipe";
  char* argv[] = {program.data(),  in_store,         by_pipe, pid.data(),
                  dumpable.data(), directory.data(), nullptr};
  char* envp[] = {nullptr};
  ::execve(program.c_str(), argv, envp);
  return Error::from_errno(errno, "execute", program);
}

int fail(const Error& error) {
  // Nobody sees standard error: the kernel gives none. Its log is where an operator looks.
  const UniqueFd log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  const std::string line = "nines-crash-pipe: " + error.message() + "\n";
  (void)!::write(log ? log.get() : STDERR_FILENO, line.data(), line.size());
  return kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, &arguments)) {
    std::fprintf(stderr,
                 "usage: nines-crash-pipe PID DUMPABLE RUNTIME-DIR STATE-DIR [PIDFD] <CORE\n"
                 "Is started by the kernel; see nines crash setup --pipe.\n");
    return kExitUsage;
  }
  // The kernel gives only standard input: what we open must not become one of these.
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0 && fd <= STDERR_FILENO;) {
    fd = ::open("/dev/null", O_RDWR);
  }
  auto process = arguments.pidfd >= 0 ? Result<sys::Pidfd>(sys::Pidfd(UniqueFd(arguments.pidfd)))
                                      : find(arguments.notice.pid);
  if (!process) return fail(process.error());
  const auto daemon =
      sys::connect_unix(crash::core_socket_path(arguments.runtime_dir), SOCK_STREAM);
  if (daemon && sys::send_message(daemon->get(), crash::encode(arguments.notice),
                                  {STDIN_FILENO, process->fd()})) {
    return 0;
  }
  return fail(become_nines_crash(arguments, *process));
}
