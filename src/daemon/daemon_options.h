// The command line of ninesd.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace nines::daemon {

/// ninesd's own exit codes; in the foreground with --command it is the command's.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitAlreadyRunning = 5,
};

struct DaemonOptions {
  std::string runtime_dir;
  std::string state_dir;
  std::string log_dir;
  std::vector<std::string> unit_path;  ///< searched first
  std::vector<std::string> units;      ///< started at once, beside the kept ones
  std::vector<std::string> command;    ///< with --command: run this as a unit of its own
  std::uint64_t crash_store_max = std::uint64_t{4} << 30;  ///< bytes; for all crashes together
  int keep_events_days = 400;                              ///< 0: for ever
  bool foreground = false;  ///< end when all units have ended, with their exit code
  /// The runtime directory was made for this one run, with the state directory in it.
  bool is_private = false;
  bool user_mode = false;  ///< not root: that user's units
  log::Level log_level = log::Level::kInfo;
  bool successor = false;  ///< of a worker that had been ready
  int keeper_fd = -1;      ///< -1: we are to become the keeper first
};

/// Fills in the defaults of root or of the user.
/// @errors kInvalidArgument; the detail is what to print (also for --help and --version).
struct ParsedOptions {
  DaemonOptions options;
  bool done = false;  ///< --help or --version: print `text`, exit with `code`
  int code = 0;
  std::string text;
};
ParsedOptions parse_daemon_options(int argc, char** argv);

/// The options to give to a worker: as typed, without what only the keeper adds.
std::vector<std::string> worker_arguments(int argc, char** argv);

}  // namespace nines::daemon
