// Sockets as the kernel lists them, and the one way to take a port from a process that will never
// let go of it by itself.
#pragma once

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::sys {

/// A TCP socket that listens in our network namespace.
struct TcpListener {
  std::uint64_t inode = 0;    ///< as in "socket:[INODE]" of /proc/PID/fd
  std::uint8_t family = 0;    ///< AF_INET, AF_INET6
  inet_diag_sockid id{};      ///< its cookie names this very socket, and no later one
  std::uint32_t waiting = 0;  ///< connections that nobody accepted so far
  /// What listen(2) was given, cut to net.core.somaxconn. The kernel lets one more than that wait.
  std::uint32_t backlog = 0;
};

/// @return "127.0.0.1:6379", "[::]:80".
std::string address_of(const TcpListener& listener);

/// A unix socket that listens, of any type that can.
struct UnixListener {
  std::uint64_t inode = 0;
  std::string name;  ///< as bound, an abstract one with '@' first; any bytes; empty: bound to none
  std::uint32_t waiting = 0;
  std::uint32_t backlog = 0;  ///< as above
};

/// One conversation with the kernel's socket diagnosis.
/// @source sock_diag(7), linux/inet_diag.h
class SockDiag {
 public:
  /// @errors kUnsupported: a kernel without CONFIG_INET_DIAG.
  static Result<SockDiag> open();

  /// @errors kUnsupported, kIo.
  Result<std::vector<TcpListener>> tcp_listeners();
  /// @errors kUnsupported: no CONFIG_UNIX_DIAG. kIo.
  Result<std::vector<UnixListener>> unix_listeners();

  /// Closes the socket under whoever has it open: it listens no more, clients in its queue are
  /// reset, and its address is free for another socket with SO_REUSEADDR, though descriptors of it
  /// remain.
  /// @errors kDenied: needs CAP_NET_ADMIN. kUnsupported: no CONFIG_INET_DIAG_DESTROY.
  ///         kNotFound: it is gone already.
  /// @source SOCK_DESTROY, sock_diag(7); tcp_abort() in net/ipv4/tcp.c
  Status destroy(const TcpListener& listener);

 private:
  explicit SockDiag(UniqueFd socket) : socket_(std::move(socket)) {}
  using Each = std::function<void(const nlmsghdr&)>;
  Status request(std::uint16_t type, std::uint16_t flags, const void* body, std::size_t size);
  Status collect(const Each& each);

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace nines::sys
