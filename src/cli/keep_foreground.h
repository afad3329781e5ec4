// `nines keep` without a daemon: this program becomes the keeper, with a daemon of its own in the
// foreground, as a container's ENTRYPOINT wants it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::cli {

struct ForegroundPlan {
  std::string program_dir;           ///< where nines-keeper and ninesd lie
  std::string private_dir;           ///< runtime directory of this one supervisor
  std::vector<std::string> units;    ///< either these
  std::vector<std::string> command;  ///< or this
};

/// The command line to become. argv[0] is the program's path.
std::vector<std::string> foreground_command(const ForegroundPlan& plan);

/// Replaces this process. @return only on failure. @errors kNotFound: no keeper beside us.
Error exec_foreground(const std::vector<std::string>& units,
                      const std::vector<std::string>& command);

}  // namespace nines::cli
