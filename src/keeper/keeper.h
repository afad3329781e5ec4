// The keeper: the small, long-lived process above everything else.
//
// It holds descriptors (listening sockets, units' fd stores, the state directory's lock), reaps
// the units (they are its children), keeps their exit statuses until the worker has dealt with
// them, and starts the worker again whenever that dies. It knows nothing of units, parses no
// files, and does no I/O that can block, so there is little in it that can fail.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "keeper/protocol.h"
#include "sys/pidfd.h"

namespace nines::keeper {

struct Options {
  std::string self_path;                 ///< to execute anew
  std::vector<std::string> worker_argv;  ///< path first; "--keeper-fd 3" is appended
  UniqueFd takeover_socket;  ///< valid: a worker without keeper speaks here, start as its keeper
  UniqueFd resume_state;     ///< valid: memfd written by the process image before reexec
};

/// Command line: nines-keeper [--takeover FD | --resume FD] -- WORKER [ARGUMENT...]
/// @errors kInvalidArgument.
Result<Options> parse_options(int argc, char** argv);

class Keeper {
 public:
  explicit Keeper(Options options) : options_(std::move(options)) {}

  /// Runs until the worker has finished orderly, or could not start for the first time.
  /// @return the exit code for this process: what the worker asked for with `finish`, or the code
  ///         of a worker that ended before it was ready.
  Result<int> run();

 private:
  Status set_up();
  Status start_worker();
  void tell_worker(const Message& message, int fd = -1);
  void send_waiting_exits();
  void reap();
  void on_worker_exit(int wait_status);
  void on_worker_message();
  void drain_worker_messages();
  void handle(const Message& message, std::vector<UniqueFd> fds);
  void on_signals();
  void worker_gone();
  int poll_timeout_ms() const;
  Status execute_anew();
  Status resume();

  Options options_;
  UniqueFd signals_;
  UniqueFd socket_;  ///< to the worker; invalid: there is none
  pid_t worker_pid_ = 0;
  bool worker_is_child_ = false;
  bool ever_ready_ = false;
  bool ready_ = false;
  bool reexec_requested_ = false;
  bool finished_ = false;
  int exit_code_ = 0;
  int quick_deaths_ = 0;
  BootTime worker_started_;
  BootTime next_start_;
  std::map<std::string, UniqueFd> held_;
  std::deque<ExitRecord> exits_;  ///< unacknowledged, oldest first
  std::uint64_t next_sequence_ = 1;
  std::uint64_t sent_sequence_ = 0;   ///< told to the present worker up to here
  std::vector<int> pending_signals_;  ///< arrived while there was no worker
};

}  // namespace nines::keeper
