// Sockets as the kernel lists them, and the one way to take a port from a process that will never
// let go of it by itself.
#pragma once

#include <linux/inet_diag.h>
#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::sys {

/// A TCP socket that listens in our network namespace.
struct TcpListener {
  std::uint64_t inode = 0;  ///< as in "socket:[INODE]" of /proc/PID/fd
  std::uint8_t family = 0;  ///< AF_INET, AF_INET6
  inet_diag_sockid id{};    ///< its cookie names this very socket, and no later one
};

/// One conversation with the kernel's socket diagnosis.
/// @source sock_diag(7), linux/inet_diag.h
class SockDiag {
 public:
  /// @errors kUnsupported: a kernel without CONFIG_INET_DIAG.
  static Result<SockDiag> open();

  /// @errors kUnsupported, kIo.
  Result<std::vector<TcpListener>> tcp_listeners();

  /// Closes the socket under whoever has it open: it listens no more, clients in its queue are
  /// reset, and its address is free for another socket with SO_REUSEADDR, though descriptors of it
  /// remain.
  /// @errors kDenied: needs CAP_NET_ADMIN. kUnsupported: no CONFIG_INET_DIAG_DESTROY.
  ///         kNotFound: it is gone already.
  /// @source SOCK_DESTROY, sock_diag(7); tcp_abort() in net/ipv4/tcp.c
  Status destroy(const TcpListener& listener);

 private:
  explicit SockDiag(UniqueFd socket) : socket_(std::move(socket)) {}
  Status request(std::uint16_t type, std::uint16_t flags, const inet_diag_req_v2& what);
  Status collect(std::vector<TcpListener>& into);

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace nines::sys
