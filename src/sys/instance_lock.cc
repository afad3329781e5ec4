#include "sys/instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>  // flock
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's

namespace nines::sys {

namespace {

// A holder that was killed has its lock until the kernel has taken it apart: who starts the next
// one at once, as an init system does, must not be refused for that.
constexpr auto kDyingHolder = std::chrono::milliseconds(500);
constexpr auto kRetry = std::chrono::milliseconds(10);

/// @return false with errno, EWOULDBLOCK when somebody goes on holding it.
bool lock_soon(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + kDyingHolder;
  while (::flock(fd, LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return false;
    if (std::chrono::steady_clock::now() >= deadline) {
      errno = EWOULDBLOCK;
      return false;
    }
    std::this_thread::sleep_for(kRetry);
  }
  return true;
}

}  // namespace

Result<UniqueFd> take_instance_lock(const std::string& path, pid_t owner, std::string_view doing) {
  NINES_ASSIGN(UniqueFd fd, open_file(path, O_RDWR | O_CREAT, 0644));
  if (!lock_soon(fd.get())) {
    if (errno != EWOULDBLOCK) return Error::from_errno(errno, "lock", path);
    auto holder = read_file(path);
    std::string who = holder ? *holder : std::string();
    while (!who.empty() && who.back() == '\n') who.pop_back();
    return Error(ErrorCode::kBusy, "use", path.substr(0, path.rfind('/')))
        .with_detail("another ninesd uses it" + (who.empty() ? "" : " (process " + who + ")"))
        .with_hint("`nines status` talks to that one; or choose other directories");
  }
  NINES_TRY(name_lock_owner(fd.get(), owner, doing).in(path));
  return fd;
}

bool is_locked(const std::string& path) {
  // Shared: two that look at once must not see each other.
  const auto fd = open_file(path, O_RDONLY);
  return fd && ::flock(fd->get(), LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

Status name_lock_owner(int lock, pid_t owner, std::string_view doing) {
  std::string text = std::to_string(owner);
  if (!doing.empty()) text.append(": ").append(doing);
  text += '\n';
  if (::ftruncate(lock, 0) != 0 ||
      ::pwrite(lock, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Error::from_errno(errno, "write lock file");
  }
  return {};
}

}  // namespace nines::sys
