#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "daemon/http_server.h"

namespace nines::daemon {
namespace {

/// Unlinks the path unless told to keep it.
class UnlinkGuard {
 public:
  explicit UnlinkGuard(const std::string& path) : path_(path) {}
  UnlinkGuard(const UnlinkGuard&) = delete;
  UnlinkGuard& operator=(const UnlinkGuard&) = delete;
  ~UnlinkGuard() {
    if (armed_) ::unlink(path_.c_str());
  }
  void keep() { armed_ = false; }

 private:
  const std::string& path_;
  bool armed_ = true;
};

}  // namespace

Result<UniqueFd> bind_api_socket(const std::string& path, std::optional<gid_t> readers) {
  // Bound under another name and renamed when its rights are right: nobody ever connects to a
  // socket that is open wider than it should be, nor finds none while a stale one is replaced.
  const std::string temporary = fmt::format("{}.{}", path, ::getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (temporary.size() >= sizeof address.sun_path) {
    return Error(ErrorCode::kInvalidArgument, "bind", path)
        .with_detail("longer than a unix socket's path can be (about 100 bytes)")
        .with_hint("choose a shorter --runtime-dir");
  }
  std::memcpy(address.sun_path, temporary.c_str(), temporary.size() + 1);

  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno(errno, "socket", path);
  ::unlink(temporary.c_str());
  // The inode takes its mode from the socket's own, whatever the umask is afterwards.
  if (::fchmod(fd.get(), 0600) != 0) return Error::from_errno(errno, "fchmod", path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno, "bind", path);
  }
  UnlinkGuard guard(temporary);
  if (readers) {
    if (::chown(temporary.c_str(), static_cast<uid_t>(-1), *readers) != 0) {
      return Error::from_errno(errno, "chown", path);
    }
    if (::chmod(temporary.c_str(), 0660) != 0) return Error::from_errno(errno, "chmod", path);
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) return Error::from_errno(errno, "listen", path);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return Error::from_errno(errno, "rename", path);
  }
  guard.keep();
  return fd;
}

}  // namespace nines::daemon
