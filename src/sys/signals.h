// Signals: names, masks, and reading them from a descriptor.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::sys {

/// @param text  "SIGTERM", "TERM", "RTMIN+3", "SIGRTMAX-1" or a number.
/// @errors kInvalidArgument: no such signal.
Result<int> parse_signal(std::string_view text);

/// @return "SIGTERM", "SIGRTMIN+3"; what is no signal comes as its number.
std::string signal_name(int signal);

/// Blocks signals in the calling thread, and in those it starts later.
Status block_signals(const std::vector<int>& signals);
Status unblock_signals(const std::vector<int>& signals);

/// A signal that was sent to this process.
struct ReceivedSignal {
  int signal = 0;
  pid_t sender = 0;  ///< 0: the kernel
  uid_t sender_uid = 0;
};

/// Signals as something to read, for the event loop.
/// @source signalfd(2)
class SignalFd {
 public:
  /// Blocks `signals` in the calling thread. They stay blocked when this goes, because what arrives
  /// then would otherwise strike: a caller that wants them again unblocks them.
  /// @pre  other threads have them blocked too, or are started later.
  static Result<SignalFd> open(const std::vector<int>& signals);

  int fd() const { return fd_.get(); }  ///< readable when a signal waits
  /// The next one, without blocking. Empty: none waits. Equal signals that were sent before the
  /// first was read come once.
  Result<std::optional<ReceivedSignal>> read();

 private:
  explicit SignalFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace nines::sys
