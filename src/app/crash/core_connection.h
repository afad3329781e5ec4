// The kernel's side of a crash: a connection over which a dying process is announced, waits, and is
// written down.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/pidfd.h"

namespace nines::crash {

/// What the kernel offers. @source include/uapi/linux/coredump.h, since Linux 6.17
struct CoreOffer {
  bool writes = false;   ///< it can write the core itself
  bool rejects = false;  ///< it can be told to write nothing
  bool waits = false;    ///< the process can be made to wait until the connection is closed
};

/// One connection from core_pattern "@@/path". While it is open the process waits, dying: its
/// memory and all that /proc tells of it are there. To close it is to let the process go.
class CoreConnection {
 public:
  /// Takes an accepted connection, and the identity of whom it is about, which no recycled pid can
  /// forge. It is taken out of `connection`, unless there is an error.
  /// @errors kUnsupported: the peer is no dying process (somebody else connected), or the kernel
  ///         does not name it by a handle.
  /// @source unix(7): SO_PEERPIDFD; pidfd_open(2): PIDFD_GET_INFO, PIDFD_INFO_COREDUMP
  static Result<CoreConnection> from_kernel(UniqueFd& connection);

  pid_t pid() const { return pid_; }
  const sys::Pidfd& process() const { return process_; }
  /// False for a process that changed its privileges: what it had in its memory is for root alone.
  bool dumpable_by_owner() const { return by_owner_; }

  /// Reads the kernel's offer. @errors kTimeout, kCorrupt, kGone.
  Result<CoreOffer> offer(Nanoseconds within);
  /// Asks for the core. From here on it comes over stream().
  /// @errors kTimeout, kCorrupt: the kernel did not agree. kGone.
  Status accept(Nanoseconds within);
  /// Asks for nothing: the process ends at once, or where the kernel waits, with this connection.
  Status reject();

  int stream() const { return connection_.get(); }
  /// Gives the connection away, to be taken up elsewhere with from_kernel().
  UniqueFd release() && { return std::move(connection_); }

 private:
  CoreConnection(UniqueFd connection, sys::Pidfd process, pid_t pid, bool by_owner)
      : connection_(std::move(connection)),
        process_(std::move(process)),
        pid_(pid),
        by_owner_(by_owner) {}
  Status answer(std::uint64_t mask);

  UniqueFd connection_;
  sys::Pidfd process_;
  pid_t pid_ = 0;
  bool by_owner_ = false;
  CoreOffer offer_;
};

}  // namespace nines::crash
