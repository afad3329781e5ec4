#include "sys/unix_socket.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace nines::sys {
namespace {

constexpr std::size_t kMaxFds = 253;  // SCM_MAX_FD, linux/net/scm.h

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Error(ErrorCode::kInvalidArgument, "use socket path", path)
        .with_detail(fmt::format("must have 1 to {} bytes", sizeof(address.sun_path) - 1))
        .with_hint("choose a shorter --runtime-dir");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

void take_control_messages(msghdr& message, Datagram& out) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    const std::size_t size = c->cmsg_len - CMSG_LEN(0);
    if (c->cmsg_type == SCM_RIGHTS) {
      for (std::size_t i = 0; i + sizeof(int) <= size; i += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i, sizeof fd);
        out.fds.emplace_back(fd);
      }
    } else if (c->cmsg_type == SCM_CREDENTIALS && size >= sizeof(ucred)) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
      out.sender = PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
    }
  }
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> seqpacket_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return Error::from_errno(errno, "create socket pair");
  }
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Status send_message(int socket, std::string_view bytes, const std::vector<int>& fds, int flags) {
  if (fds.size() > kMaxFds) return Error(ErrorCode::kLimit, "send descriptors");
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::vector<char> control(fds.empty() ? 0 : CMSG_SPACE(fds.size() * sizeof(int)));
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
  }
  for (;;) {
    if (::sendmsg(socket, &message, flags) >= 0) return {};
    if (errno != EINTR) return Error::from_errno(errno, "send message");
  }
}

Result<std::optional<Datagram>> receive_message(int socket, std::size_t max_bytes, int flags) {
  Datagram out;
  out.bytes.resize(max_bytes);
  iovec part{out.bytes.data(), out.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int)) + CMSG_SPACE(sizeof(ucred))>
      control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EAGAIN) return std::optional<Datagram>();
    return Error::from_errno(errno, "receive message");
  }
  take_control_messages(message, out);
  if (n == 0 && out.fds.empty()) {
    int type = 0;
    socklen_t size = sizeof type;
    ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size);
    // A datagram may be empty; on a connected socket no bytes mean that the peer is gone.
    if (type != SOCK_DGRAM) return Error(ErrorCode::kGone, "receive message");
  }
  out.bytes.resize(static_cast<std::size_t>(n));
  out.truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  return std::optional<Datagram>(std::move(out));
}

Result<UniqueFd> bind_unix(const std::string& path, int type, mode_t mode) {
  NINES_ASSIGN(const sockaddr_un address, unix_address(path));
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno(errno, "create socket", path);
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno, "bind socket", path);
  }
  if (::chmod(path.c_str(), mode) != 0) return Error::from_errno(errno, "chmod", path);
  if (type != SOCK_DGRAM && ::listen(fd.get(), 128) != 0) {
    return Error::from_errno(errno, "listen", path);
  }
  return fd;
}

Result<UniqueFd> connect_unix(const std::string& path, int type) {
  NINES_ASSIGN(const sockaddr_un address, unix_address(path));
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "create socket", path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno, "connect", path);
  }
  return fd;
}

Result<PeerCredentials> peer_credentials(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Error::from_errno(errno, "read peer credentials");
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace nines::sys
