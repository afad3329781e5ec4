#include "cli/foreground.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "sys/spawn.h"

namespace nines::cli {
namespace {

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at) variables.emplace_back(*at);
  return variables;
}

/// Ctrl-C and Ctrl-\ are for the program that is in the foreground with us.
class IgnoreKeys {
 public:
  IgnoreKeys() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &interrupt_);
    ::sigaction(SIGQUIT, &ignore, &quit_);
  }
  IgnoreKeys(const IgnoreKeys&) = delete;
  IgnoreKeys& operator=(const IgnoreKeys&) = delete;
  ~IgnoreKeys() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGQUIT, &quit_, nullptr);
  }

 private:
  struct sigaction interrupt_{}, quit_{};
};

}  // namespace

Result<sys::ExitStatus> run_in_foreground(const ForegroundProgram& run) {
  sys::SpawnRequest request;
  request.path = run.path;
  request.argv = {run.path};
  request.argv.insert(request.argv.end(), run.arguments.begin(), run.arguments.end());
  request.environment = own_environment();
  request.stdin_fd = run.stdin_fd;
  request.stdout_fd = run.stdout_fd;
  request.stderr_fd = run.stderr_fd;
  request.pass_fds = run.pass_fds;
  request.new_session = false;
  std::error_code none;
  request.working_directory = std::filesystem::current_path(none).string();
  NINES_ASSIGN(const sys::SpawnedProcess process, sys::spawn(request));
  const IgnoreKeys ignored;
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process.pidfd.fd()), &info, WEXITED) != 0) {
    if (errno != EINTR) return Error::from_errno(errno, "wait for", run.path);
  }
  return sys::ExitStatus{
      info.si_code == CLD_EXITED ? sys::ExitStatus::Kind::kExited : sys::ExitStatus::Kind::kKilled,
      info.si_status};
}

}  // namespace nines::cli
