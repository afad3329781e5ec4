#include "daemon/daemon_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>
#include <sstream>

#include "api/runtime_dir.h"
#include "api/version.h"

namespace nines::daemon {
namespace {

void fill_defaults(DaemonOptions& options) {
  options.user_mode = ::geteuid() != 0;
  const bool own_state = !options.state_dir.empty();
  if (options.runtime_dir.empty()) options.runtime_dir = api::default_runtime_dir();
  if (options.state_dir.empty()) options.state_dir = api::default_state_dir();
  if (options.log_dir.empty()) {
    options.log_dir =
        own_state || options.user_mode ? options.state_dir + "/log" : "/var/log/nines";
  }
}

}  // namespace

ParsedOptions parse_daemon_options(int argc, char** argv) {
  ParsedOptions parsed;
  DaemonOptions& options = parsed.options;
  CLI::App app{
      "Keeps applications up: supervises systemd unit files, restarts what dies or hangs, "
      "and records why."};
  app.name("ninesd");
  app.set_version_flag("--version", std::string("ninesd ") + api::kProductVersion);
  app.add_option("--runtime-dir", options.runtime_dir,
                 "Sockets and state until the next boot (default /run/nines)");
  app.add_option("--state-dir", options.state_dir, "The ledger (default /var/lib/nines)");
  app.add_option("--log-dir", options.log_dir,
                 "What units print (default /var/log/nines, or STATE-DIR/log)");
  app.add_option("--keep-events", options.keep_events_days,
                 "Days after which events in the ledger become daily counts; downtimes and what "
                 "began them are kept (default 400; 0: keep all)")
      ->check(CLI::Range(0, 36500));
  app.add_option("--crash-store-max", options.crash_store_max,
                 "Bytes that all crashes in STATE-DIR/crashes may take, e.g. 20G (default 4G); the "
                 "oldest whole cores go first")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--unit-path", options.unit_path, "Directories to look for unit files in first")
      ->delimiter(':')
      ->allow_extra_args(false);
  app.add_flag("--foreground", options.foreground,
               "End when the units have ended, with the exit code of the first");
  bool command = false;
  app.add_flag("--command", command, "The arguments are a command to keep up, not units");
  static const std::map<std::string, log::Level> kLevels = {{"debug", log::Level::kDebug},
                                                            {"info", log::Level::kInfo},
                                                            {"warning", log::Level::kWarning},
                                                            {"error", log::Level::kError}};
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->transform(CLI::CheckedTransformer(kLevels));
  app.add_flag("--private", options.is_private)->group("");
  app.add_option("--keeper-fd", options.keeper_fd)->group("");
  app.add_flag("--successor", options.successor)->group("");
  std::vector<std::string> arguments;
  app.add_option("UNIT", arguments, "Units to start now, beside the kept ones");
  app.footer(
      "Exit codes: 0 stopped in order, 1 failure, 2 usage, 5 another ninesd is running.\n"
      "In the foreground: the exit code of the first unit's main process.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    const int code = app.exit(error, out, out);
    parsed.done = true;
    parsed.code = code == 0 ? kExitOk : kExitUsage;
    parsed.text = out.str();
    return parsed;
  }
  (command ? options.command : options.units) = std::move(arguments);
  options.foreground = options.foreground || command;
  fill_defaults(options);
  return parsed;
}

std::vector<std::string> worker_arguments(int argc, char** argv) {
  std::vector<std::string> result;
  // The keeper puts it first; the same words in a user's command are the user's.
  const bool from_keeper = argc > 2 && std::string_view(argv[1]) == "--keeper-fd";
  int first = from_keeper ? 3 : 1;
  if (from_keeper && argc > first && std::string_view(argv[first]) == "--successor") ++first;
  for (int i = first; i < argc; ++i) result.emplace_back(argv[i]);
  return result;
}

}  // namespace nines::daemon
