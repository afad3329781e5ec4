#include "app/supervise/crash_peers.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "sys/procfs.h"

namespace nines::supervise {
namespace {

int option_of(int socket, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool is_connection(int socket) {
  const int domain = option_of(socket, SO_DOMAIN);
  if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) return false;
  if (option_of(socket, SO_TYPE) != SOCK_STREAM || option_of(socket, SO_ACCEPTCONN) != 0) {
    return false;
  }
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace

std::uint64_t socket_cookie(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

CrashPeers::CrashPeers(const sys::Pidfd& process, pid_t pid, std::set<std::uint64_t> spared)
    : process_(UniqueFd(::fcntl(process.fd(), F_DUPFD_CLOEXEC, 0))),
      pid_(pid),
      spared_(std::move(spared)) {}

void CrashPeers::find() {
  found_ = true;
  const auto open = sys::Procfs().descriptors(pid_);
  // As long as it is there, they were its own.
  if (!open || process_.has_exited()) return;
  for (const auto& [fd, target] : *open) {
    if (fd > STDERR_FILENO && target.starts_with("socket:")) sockets_.push_back(fd);
  }
}

bool CrashPeers::shut_down_some(std::size_t count) {
  if (!found_) find();
  for (; count > 0 && !sockets_.empty(); --count) {
    const auto socket = process_.get_fd(sockets_.back());
    sockets_.pop_back();
    if (!socket) {
      if (socket.error().code() == ErrorCode::kNotFound) continue;  // closed meanwhile
      sockets_.clear();
      break;
    }
    if (!is_connection(socket->get()) || spared_.contains(socket_cookie(socket->get()))) continue;
    if (::shutdown(socket->get(), SHUT_RDWR) == 0) ++shut_down_;
  }
  return !sockets_.empty();
}

}  // namespace nines::supervise
