// `nines keep` without a daemon: this program becomes a ninesd of its own in the foreground, as a
// container's ENTRYPOINT wants it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::cli {

struct ForegroundPlan {
  std::string ninesd;  ///< path; it starts its keeper, which lies beside it
  /// Of this one supervisor, with all that it writes, so that neither the host's kept units nor
  /// its ledger are drawn in. Empty: the usual directories, since PID 1 of a container is the host.
  std::string private_dir;
  std::vector<std::string> units;    ///< either these
  std::vector<std::string> command;  ///< or this
};

/// The command line to become. argv[0] is the program's path.
std::vector<std::string> foreground_command(const ForegroundPlan& plan);

/// Replaces this process. @return only on failure. @errors kNotFound: no ninesd beside us.
Error exec_foreground(const std::vector<std::string>& units,
                      const std::vector<std::string>& command);

}  // namespace nines::cli
