// The environment block of a unit's processes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/supervise/identity.h"
#include "app/unit/spec.h"
#include "base/clock.h"
#include "base/result.h"

namespace nines::supervise {

/// What the service manager tells a process by its environment.
struct ManagerVariables {
  std::string invocation_id;
  std::vector<std::string> listen_fd_names;  ///< one for each descriptor from 3 on
  bool set_listen_fds = false;               ///< false: no LISTEN_* at all
  std::string notify_socket;                 ///< empty: none
  std::optional<Nanoseconds> watchdog;
  std::map<std::string, std::string> extra;  ///< MAINPID, SERVICE_RESULT ...
};

struct Environment {
  std::map<std::string, std::string> variables;
  std::vector<std::string> pid_variables;  ///< to be set to the new process's own pid

  /// "NAME=value" for each of `variables`.
  std::vector<std::string> block() const;
};

/// Puts the block together; a later source wins: defaults (in user mode: our own environment), what
/// the manager tells, PassEnvironment=, Environment=, EnvironmentFile=. Then UnsetEnvironment=
/// takes away.
/// @errors EnvironmentFile= without '-' that cannot be read; the context names it.
/// @source systemd.exec(5), "Environment Variables in Spawned Processes"
Result<Environment> build_environment(const unit::ExecSettings& exec, const Identity& identity,
                                      const ManagerVariables& manager, bool user_mode);

}  // namespace nines::supervise
