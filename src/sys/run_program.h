// Runs a program to its end and takes what it says, within limits.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/pidfd.h"
#include "sys/spawn.h"

namespace nines::sys {

/// Bytes of each that are kept. More is read, so that the program goes on, and dropped.
struct OutputLimits {
  std::size_t out = std::size_t{4} << 20;
  std::size_t err = std::size_t{64} << 10;
  bool end_beyond = false;  ///< a program that says more on its standard output is killed
};

struct Ran {
  ExitStatus status;
  bool too_late = false;  ///< killed at the deadline, with what it had started
  bool out_cut = false;   ///< it said more than was to be kept, and may have been killed for that
  std::string out, err;
};

/// One program, from its start until it is reaped. Killed, with its session, if this goes before.
class RunningProgram {
 public:
  /// @param request  its stdout_fd and stderr_fd are not looked at, new_session is taken to be
  /// true.
  /// @pre    nobody else reaps the caller's children; SIGCHLD is not ignored.
  /// @errors those of spawn().
  static Result<RunningProgram> start(SpawnRequest request, const OutputLimits& limits);
  RunningProgram(RunningProgram&&) = default;
  RunningProgram& operator=(RunningProgram&&) = delete;
  ~RunningProgram();

  /// Waits for its end; whoever else holds its output by then is not waited for. Called once.
  Ran finish(BootTime deadline);

 private:
  struct Output {
    UniqueFd from;
    std::size_t most;
    std::string text = {};
    bool cut = false;

    void take();
  };

  RunningProgram(SpawnedProcess process, Output out, Output err, bool end_beyond);
  bool wait_until(BootTime deadline);
  void kill_session() const;
  ExitStatus reap();

  SpawnedProcess process_;
  Output out_, err_;
  bool end_beyond_;
};

/// start() and finish().
Result<Ran> run_program(SpawnRequest request, Nanoseconds within, const OutputLimits& limits);

}  // namespace nines::sys
