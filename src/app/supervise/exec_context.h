// From a unit and one of its command lines to what spawn() needs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/unit/spec.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/cgroup.h"
#include "sys/spawn.h"

namespace nines::supervise {

/// One command to launch. Everything is borrowed for the call.
struct LaunchInputs {
  const unit::Unit& unit;
  const unit::ExecCommand& command;
  /// Of ExecStart=: only such a command is told of descriptors and watchdog, whatever is below.
  bool is_main = false;
  std::string invocation_id = {};
  std::vector<std::pair<std::string, int>> listen_fds = {};  ///< name, descriptor
  std::string notify_socket = {};
  std::optional<Nanoseconds> watchdog = {};
  std::map<std::string, std::string> extra_environment = {};  ///< MAINPID, SERVICE_RESULT ...
  int stdout_fd = -1;                                         ///< the unit's log
  int stderr_fd = -1;
  const sys::Cgroup* cgroup = nullptr;  ///< must outlive the spawn
  bool user_mode = false;
};

/// A request with the descriptors that were opened for it: keep it until spawn() has returned.
/// Left to the caller: `sibling`, `pid_slot`.
struct Launch {
  sys::SpawnRequest request;
  std::vector<UniqueFd> owned;
  std::vector<std::string> remarks;  ///< what could not be set as the unit asks for; for the log
};

/// Resolves user, environment, executable, arguments, streams and limits of one command.
/// '+' and '!' commands keep our own user, groups, capabilities and root directory; limits, nice
/// level and environment apply to them too, as in systemd.
/// @errors the context names the directive; see resolve_identity(), build_environment(),
///         open_streams(), unit::expand_command(), sys::find_executable().
/// @source systemd.exec(5), systemd.service(5)
Result<Launch> build_spawn_request(const LaunchInputs& inputs);

}  // namespace nines::supervise
