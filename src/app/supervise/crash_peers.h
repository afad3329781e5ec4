// The peers of a crashed process: they would wait for an answer until the kernel has written its
// core and taken its memory apart.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <vector>

#include "sys/pidfd.h"

namespace nines::supervise {

/// Connections of a process that will never answer, to be shut down under it, so that those at the
/// other end see their end and can connect again. A few at a time: there may be many thousands.
class CrashPeers {
 public:
  /// @pre    the kernel is ending the process: one that lives would lose all its clients.
  /// Costs nothing yet.
  /// @param  spared  cookies (SO_COOKIE) of sockets that somebody else goes on with.
  CrashPeers(const sys::Pidfd& process, pid_t pid, std::set<std::uint64_t> spared);

  /// Shuts down TCP and unix stream connections among the next `count` sockets. Standard streams
  /// are left alone, as are sockets that listen: whoever printed to a log has no peer that waits.
  /// @return false: that was all, or the process has ended, or we may not (it takes ptrace access).
  /// @source pidfd_getfd(2), shutdown(2)
  bool shut_down_some(std::size_t count);

  std::size_t shut_down() const { return shut_down_; }

 private:
  void find();

  sys::Pidfd process_;  ///< a handle of our own
  pid_t pid_;
  bool found_ = false;
  std::set<std::uint64_t> spared_;
  std::vector<int> sockets_;  ///< those not looked at yet
  std::size_t shut_down_ = 0;
};

/// @return 0: it is no socket. @source SO_COOKIE, socket(7)
std::uint64_t socket_cookie(int fd);

}  // namespace nines::supervise
