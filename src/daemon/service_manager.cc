#include "daemon/service_manager.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/unique_fd.h"
#include "sys/file.h"
#include "sys/instance_lock.h"
#include "sys/procfs.h"
#include "sys/unix_socket.h"

namespace nines::daemon {
namespace {

// Longer than a worker needs to start a keeper and to end, far shorter than any start time-out.
constexpr Nanoseconds kHolderWait = std::chrono::seconds(5);
constexpr Nanoseconds kHolderPoll = std::chrono::milliseconds(20);
constexpr int kBarrierTimeoutMs = 5000;
constexpr std::string_view kKeeperName = "nines-keeper";

const char* notify_path() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  return path != nullptr && *path != '\0' ? path : nullptr;
}

Status send_to_service_manager(std::string_view text, const std::vector<int>& fds) {
  const char* path = notify_path();
  if (path == nullptr) return Error(ErrorCode::kNotFound, "notify", "NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) {
    return Error(ErrorCode::kInvalidArgument, "notify", path).with_detail("the path is too long");
  }
  std::memcpy(address.sun_path, path, length);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // of the abstract name space
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "create socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return Error::from_errno(errno, "notify", path);
  }
  return sys::send_message(socket.get(), text, fds, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// systemd's own hierarchy and v2, of a process: "HIERARCHY:PATH" by what is before the path.
std::map<std::string, std::string> service_cgroups(pid_t pid) {
  std::map<std::string, std::string> paths;
  const auto memberships = sys::Procfs().cgroups(pid);
  if (!memberships) return paths;
  for (const auto& [controllers, path] : *memberships) {
    if (controllers.empty() || controllers == "name=systemd") paths[controllers] = path;
  }
  return paths;
}

bool is_at_or_below(const std::string& path, const std::string& above) {
  if (above == "/" || path == above) return true;
  return path.starts_with(above + "/");
}

Result<pid_t> owner_in(const std::string& lock_path) {
  NINES_ASSIGN(const std::string text, sys::read_file(lock_path));
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid;
}

}  // namespace

bool has_service_manager() {
  return notify_path() != nullptr;
}

Status tell_service_manager(std::string_view lines) {
  return send_to_service_manager(lines, {});
}

Status wait_for_service_manager() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "create pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  NINES_TRY(send_to_service_manager("BARRIER=1", {write_end.get()}));
  write_end.reset();
  pollfd poller{read_end.get(), 0, 0};  // POLLHUP is always reported
  const int ready = ::poll(&poller, 1, kBarrierTimeoutMs);
  if (ready < 0) return Error::from_errno(errno, "poll");
  if (ready == 0) return Error(ErrorCode::kTimeout, "wait for the service manager");
  return {};
}

Holder classify_holder(pid_t holder, pid_t keeper) {
  const sys::Procfs procfs;
  const auto theirs = procfs.stat(holder);
  const auto ours = procfs.stat(keeper);
  if (!theirs || !ours || theirs->command != kKeeperName || !procfs.is_running(theirs->id)) {
    return Holder::kUnclear;
  }
  const auto our_cgroups = service_cgroups(keeper);
  const auto their_cgroups = service_cgroups(holder);
  if (our_cgroups.empty()) return Holder::kForeign;  // nothing tells services from each other
  for (const auto& [hierarchy, path] : our_cgroups) {
    const auto found = their_cgroups.find(hierarchy);
    if (found == their_cgroups.end() || !is_at_or_below(found->second, path)) {
      return Holder::kForeign;
    }
  }
  // It must hear of that one's end: while the worker that started it is there, it would not.
  return theirs->parent == ours->parent ? Holder::kOfOurService : Holder::kUnclear;
}

Status leave_service_to_holder(const std::string& lock_path, pid_t keeper) {
  const BootTime deadline = boot_now() + kHolderWait;
  for (;;) {
    NINES_ASSIGN(const pid_t holder, owner_in(lock_path));
    const Holder kind = classify_holder(holder, keeper);
    if (kind == Holder::kForeign) {
      return Error(ErrorCode::kBusy, "leave the service to", std::to_string(holder));
    }
    if (kind == Holder::kOfOurService) {
      fault::pass(FaultPoint::service_holder_found);
      NINES_TRY(
          tell_service_manager(fmt::format("MAINPID={}\nREADY=1\nSTATUS=Supervising", holder)));
      // A sender that is gone when its words are read cannot be told to be of this service.
      NINES_TRY(wait_for_service_manager());
      fault::pass(FaultPoint::service_left);
      return {};
    }
    if (boot_now() >= deadline) {
      return Error(ErrorCode::kBusy, "leave the service to", std::to_string(holder));
    }
    if (!sys::is_locked(lock_path)) return Error(ErrorCode::kGone, "find who holds", lock_path);
    std::this_thread::sleep_for(kHolderPoll);
  }
}

}  // namespace nines::daemon
