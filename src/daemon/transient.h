// `nines keep -- COMMAND`: a unit file for a command line.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::daemon {

struct TransientUnit {
  std::string name;
  std::string text;
};

/// "redis-server.service" for {"/usr/bin/redis-server", ...}: the program's name, made valid.
std::string transient_name(const std::vector<std::string>& command);

/// It is restarted on failure; exit code 0 means that it is done. It inherits our environment and
/// working directory, as a command typed in a shell would.
/// @errors kNotFound: no such program. kInvalidArgument: a NUL or line end in an argument.
Result<TransientUnit> transient_unit(const std::vector<std::string>& command);

}  // namespace nines::daemon
