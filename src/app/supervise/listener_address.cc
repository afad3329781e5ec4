#include "app/supervise/listener_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "app/supervise/socket_unit.h"
#include "sys/file.h"
#include "sys/users.h"

namespace nines::supervise {
namespace {

using Listen = unit::SocketListen;

Error bad_address(const Listen& listen, std::string detail) {
  return Error(ErrorCode::kInvalidArgument, "listen on", listen.text)
      .with_detail(std::move(detail));
}

Result<ListenerAddress> unix_listener(const Listen& listen) {
  ListenerAddress result;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool abstract = listen.address.starts_with('@');
  if (listen.address.size() + (abstract ? 0 : 1) > sizeof address.sun_path) {
    return bad_address(listen, "the path is too long for a socket");
  }
  std::memcpy(address.sun_path, listen.address.data(), listen.address.size());
  if (abstract) address.sun_path[0] = '\0';
  result.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + listen.address.size() +
                                       (abstract ? 0 : 1));
  std::memcpy(&result.storage, &address, sizeof address);
  return result;
}

int socket_type(Listen::Kind kind) {
  switch (kind) {
    case Listen::Kind::kDatagram: return SOCK_DGRAM;
    case Listen::Kind::kSeqpacket: return SOCK_SEQPACKET;
    default: return SOCK_STREAM;
  }
}

void set_flag(int fd, int level, int option, bool on) {
  const int value = on ? 1 : 0;
  ::setsockopt(fd, level, option, &value, sizeof value);
}

void set_number(int fd, int level, int option, const std::optional<int>& number) {
  if (number) ::setsockopt(fd, level, option, &*number, sizeof *number);
}

// Tuning that fails is not worth a server that does not start, as in systemd.
void tune(int fd, const Listen& listen, const unit::SocketUnit& s) {
  set_flag(fd, SOL_SOCKET, SO_REUSEADDR, true);
  if (s.reuse_port) set_flag(fd, SOL_SOCKET, SO_REUSEPORT, true);
  if (s.keep_alive) set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, true);
  if (s.broadcast) set_flag(fd, SOL_SOCKET, SO_BROADCAST, true);
  if (s.pass_credentials) set_flag(fd, SOL_SOCKET, SO_PASSCRED, true);
  if (s.no_delay) set_flag(fd, IPPROTO_TCP, TCP_NODELAY, true);
  if (s.free_bind) set_flag(fd, IPPROTO_IP, IP_FREEBIND, true);
  if (s.transparent) set_flag(fd, IPPROTO_IP, IP_TRANSPARENT, true);
  if (listen.family == Listen::Family::kInet6) {
    // "[::]:80" takes IPv4 too unless the unit says otherwise: systemd.socket(5), BindIPv6Only=.
    if (s.bind_ipv6_only) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, *s.bind_ipv6_only);
  }
  set_number(fd, SOL_SOCKET, SO_MARK, s.mark);
  set_number(fd, SOL_SOCKET, SO_PRIORITY, s.priority);
  set_number(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, s.defer_accept_sec);
  set_number(fd, IPPROTO_TCP, TCP_FASTOPEN, s.fast_open_queue);
  if (s.receive_buffer) {
    set_number(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(s.receive_buffer->count));
  }
  if (s.send_buffer) set_number(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(s.send_buffer->count));
  if (!s.bind_to_device.empty()) {
    ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, s.bind_to_device.c_str(),
                 static_cast<socklen_t>(s.bind_to_device.size()));
  }
}

Status own_path(const std::string& path, const unit::SocketUnit& settings) {
  if (::chmod(path.c_str(), settings.socket_mode) != 0) {
    return Error::from_errno(errno, "set mode of", path).in("SocketMode=");
  }
  if (settings.socket_user.empty() && settings.socket_group.empty()) return {};
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  if (!settings.socket_user.empty()) {
    NINES_ASSIGN(const sys::User user, sys::resolve_user(settings.socket_user));
    uid = user.uid;
    gid = user.gid;
  }
  if (!settings.socket_group.empty()) {
    NINES_ASSIGN(gid, sys::resolve_group(settings.socket_group));
  }
  if (::chown(path.c_str(), uid, gid) != 0) {
    return Error::from_errno(errno, "set owner of", path).in("SocketUser=");
  }
  return {};
}

/// A socket file without anybody listening is a leftover of a server that died.
void remove_stale(const std::string& path, int type) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  const UniqueFd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED) {
    ::unlink(path.c_str());
  }
}

Result<UniqueFd> open_fifo(const Listen& listen, const unit::SocketUnit& settings) {
  if (::mkfifo(listen.address.c_str(), settings.socket_mode) != 0 && errno != EEXIST) {
    return Error::from_errno(errno, "create fifo", listen.address);
  }
  NINES_ASSIGN(UniqueFd fd, sys::open_file(listen.address, O_RDWR | O_NONBLOCK));
  NINES_TRY(own_path(listen.address, settings));
  return fd;
}

}  // namespace

Result<ListenerAddress> listener_address(const Listen& listen) {
  if (listen.family == Listen::Family::kUnix) return unix_listener(listen);
  ListenerAddress result;
  if (listen.family == Listen::Family::kInet) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(listen.port);
    if (::inet_pton(AF_INET, listen.address.c_str(), &address.sin_addr) != 1) {
      return bad_address(listen, "not an IPv4 address");
    }
    result.size = sizeof address;
    std::memcpy(&result.storage, &address, sizeof address);
    return result;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(listen.port);
  if (::inet_pton(AF_INET6, listen.address.c_str(), &address.sin6_addr) != 1) {
    return bad_address(listen, "not an IPv6 address");
  }
  if (!listen.interface.empty()) {
    address.sin6_scope_id = ::if_nametoindex(listen.interface.c_str());
    if (address.sin6_scope_id == 0) return bad_address(listen, "no such network interface");
  }
  result.size = sizeof address;
  std::memcpy(&result.storage, &address, sizeof address);
  return result;
}

Result<UniqueFd> open_listener(const Listen& listen, const unit::SocketUnit& settings) {
  if (listen.kind == Listen::Kind::kFifo) return open_fifo(listen, settings);
  NINES_ASSIGN(const ListenerAddress address, listener_address(listen));
  const int type = socket_type(listen.kind);
  // Blocking: the flag is shared with the server, and one that accept()s in a loop expects it so.
  UniqueFd fd(::socket(address.storage.ss_family, type | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "create socket for", listen.text);
  tune(fd.get(), listen, settings);
  const bool has_path = listen.address.starts_with('/');
  if (has_path) {
    const std::string parent = listen.address.substr(0, listen.address.rfind('/'));
    if (!parent.empty()) NINES_TRY(sys::make_directories(parent, settings.directory_mode));
    remove_stale(listen.address, type);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
    return Error::from_errno(errno, "listen on", listen.text)
        .with_hint("another process has this address; `ss -lntp` or `ss -lxp` names it");
  }
  if (has_path) NINES_TRY(own_path(listen.address, settings));
  if (listen.kind != Listen::Kind::kDatagram && ::listen(fd.get(), settings.backlog) != 0) {
    return Error::from_errno(errno, "listen on", listen.text);
  }
  for (const std::string& link : settings.symlinks) {
    ::unlink(link.c_str());
    if (has_path && ::symlink(listen.address.c_str(), link.c_str()) != 0) {
      return Error::from_errno(errno, "create symlink", link);
    }
  }
  return fd;
}

}  // namespace nines::supervise
