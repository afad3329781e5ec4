// The worker: ninesd proper. Wires the loop, the supervisor, the ledger and the API together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/daemon_options.h"

namespace nines::daemon {

class Worker {
 public:
  /// @param worker_argv  how a successor is to be started: path first.
  Worker(DaemonOptions options, std::vector<std::string> worker_argv, std::string keeper_path);
  ~Worker();

  /// Runs until it is told to end. @return the exit code of this process.
  /// @errors what kept it from starting; kBusy: another ninesd is running.
  Result<int> run();

  /// After run(): the runtime directory was for this run only, and nobody goes on in our place.
  bool leaves_directory_behind() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nines::daemon
