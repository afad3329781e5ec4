// Processes by handle. A Pidfd never names another process than the one it was opened for.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

namespace nines::sys {

/// How a process ended, as waitid(2) tells it.
struct ExitStatus {
  enum class Kind : std::uint8_t { kExited, kKilled, kDumped, kUnknown };
  Kind kind = Kind::kUnknown;
  int value = 0;  ///< exit code, or the signal's number

  bool success() const { return kind == Kind::kExited && value == 0; }
  bool by_signal() const { return kind == Kind::kKilled || kind == Kind::kDumped; }
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

/// @return "exit code 1", "signal SEGV (core dumped)", "unknown (not our child)".
std::string to_string(const ExitStatus& status);

/// From the wait status word of wait4(2), of the proc connector and of PIDFD_GET_INFO.
ExitStatus exit_status_from_wait(int wstatus);

/// Whether the kernel writes down a process that is dying.
struct CoredumpInfo {
  pid_t pid = 0;
  bool dumping = false;
  bool as_user = false;  ///< false: it changed its privileges, and its memory is for root alone
};

/// A process handle. Readable (POLLIN) when the process has ended.
/// @source pidfd_open(2)
class Pidfd {
 public:
  Pidfd() = default;
  explicit Pidfd(UniqueFd fd) : fd_(std::move(fd)) {}

  /// @errors kGone: no such process (any more).
  static Result<Pidfd> open(pid_t pid);
  /// Opens and then checks the start time, so that a recycled pid is not taken for its predecessor.
  /// An unknown start time is not checked. @errors kGone.
  static Result<Pidfd> open(const ProcessId& id);

  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }

  /// @errors kGone: it has ended and was reaped. kDenied.
  Status send_signal(int signal) const;
  bool has_exited() const;

  /// Exit status of a process that was not our child, after it was reaped.
  /// @errors kUnsupported before Linux 6.15; kBusy: not reaped yet.
  /// @source PIDFD_GET_INFO with PIDFD_INFO_EXIT, linux/pidfd.h
  Result<ExitStatus> exit_status() const;

  /// The same for one that has ended but was not reaped yet, from /proc/PID/stat.
  /// @errors kBusy: it still runs. kGone: reaped meanwhile. kDenied: needs ptrace access.
  /// @source proc_pid_stat(5), field 52
  Result<ExitStatus> zombie_exit_status(pid_t pid) const;

  /// @errors kUnsupported before Linux 6.13; one before 6.16 says that it is not being dumped.
  /// @source PIDFD_GET_INFO with PIDFD_INFO_COREDUMP, linux/pidfd.h
  Result<CoredumpInfo> coredump() const;

  /// Duplicates a descriptor of the process into ours.
  /// @errors kDenied: needs PTRACE_MODE_ATTACH_REALCREDS. kNotFound: no such fd. kGone.
  /// @source pidfd_getfd(2)
  Result<UniqueFd> get_fd(int remote_fd) const;

 private:
  UniqueFd fd_;
};

}  // namespace nines::sys
