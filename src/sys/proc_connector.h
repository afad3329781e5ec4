// The kernel's process events (netlink, CN_IDX_PROC): the earliest notice of a crash that works
// without touching core_pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "sys/pidfd.h"

namespace nines::sys {

struct ProcEvent {
  enum class Kind : std::uint8_t {
    kCoredump,  ///< took a fatal signal that dumps core; still has its memory and files
    /// The first thread ended, and in all but two cases the process with it: the others are a first
    /// thread that left by itself, and another thread's execve(2), which takes over the pid. So
    /// this is a notice to look (pidfd), not a proof.
    kExit,
    kOverrun,  ///< events were lost; the reader must look for itself
  };
  Kind kind;
  pid_t pid = 0;      ///< thread group id
  ExitStatus status;  ///< kExit only
};

/// Subscribes to coredump and exit events of whole processes; a BPF filter in the kernel drops
/// all others, so a fork storm elsewhere does not wake us.
/// @source linux/cn_proc.h; needs the initial user, pid and network namespaces, and before
/// Linux 6.6 CAP_NET_ADMIN
class ProcConnector {
 public:
  /// @errors kDenied, kUnsupported (also: no acknowledgement, as inside a pid namespace).
  static Result<ProcConnector> open();

  ProcConnector(ProcConnector&&) noexcept = default;
  ProcConnector& operator=(ProcConnector&& other) noexcept;
  ProcConnector(const ProcConnector&) = delete;
  ProcConnector& operator=(const ProcConnector&) = delete;
  ~ProcConnector();  ///< ends the subscription

  int fd() const { return socket_.get(); }  ///< readable when events wait
  /// Reads what waits, without blocking. Malformed messages are skipped. One crash may be told
  /// twice, when two threads fault at once. Exits of processes that are not ours come along.
  Result<std::vector<ProcEvent>> read();

 private:
  explicit ProcConnector(UniqueFd socket) : socket_(std::move(socket)) {}
  void unsubscribe();
  UniqueFd socket_;
};

/// Decodes one datagram of the connector; empty for what is neither a coredump nor the exit of a
/// first thread. Separate for tests.
std::optional<ProcEvent> decode_proc_event(const void* bytes, std::size_t size);

}  // namespace nines::sys
