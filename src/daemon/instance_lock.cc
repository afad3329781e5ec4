#include "daemon/instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>  // flock
#include <unistd.h>

#include <cerrno>
#include <string>

#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's

namespace nines::daemon {

Result<UniqueFd> take_instance_lock(const std::string& path, pid_t owner) {
  NINES_ASSIGN(UniqueFd fd, sys::open_file(path, O_RDWR | O_CREAT, 0644));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return Error::from_errno(errno, "lock", path);
    auto holder = sys::read_file(path);
    std::string who = holder ? *holder : std::string();
    while (!who.empty() && who.back() == '\n') who.pop_back();
    return Error(ErrorCode::kBusy, "use", path.substr(0, path.rfind('/')))
        .with_detail("another ninesd uses it" + (who.empty() ? "" : " (process " + who + ")"))
        .with_hint("`nines status` talks to that one; or choose other directories");
  }
  NINES_TRY(name_lock_owner(fd.get(), owner).in(path));
  return fd;
}

bool is_locked(const std::string& path) {
  // Shared: two that look at once must not see each other.
  const auto fd = sys::open_file(path, O_RDONLY);
  return fd && ::flock(fd->get(), LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

Status name_lock_owner(int lock, pid_t owner) {
  const std::string text = std::to_string(owner) + "\n";
  if (::ftruncate(lock, 0) != 0 ||
      ::pwrite(lock, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Error::from_errno(errno, "write lock file");
  }
  return {};
}

}  // namespace nines::daemon
