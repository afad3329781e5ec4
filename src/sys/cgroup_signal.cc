// Cgroup: signals, kills and freezes.
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <unordered_set>

#include "base/clock.h"
#include "sys/cgroup.h"
#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::sys {
namespace {

constexpr auto kKillDeadline = std::chrono::seconds(5);
constexpr auto kFreezeDeadline = std::chrono::seconds(2);

struct Handle {
  pid_t pid;
  UniqueFd pidfd;
};

/// Opens handles for the pids of `from`. Ended ones are left out.
std::vector<Handle> open_handles(const pid_t* from, const pid_t* to) {
  std::vector<Handle> handles;
  for (; from != to; ++from) {
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *from, 0)));
    if (pidfd) handles.push_back({*from, std::move(pidfd)});
  }
  return handles;
}

/// Signals what was listed before the handles were opened and is still listed now. A handle whose
/// pid is in both lists is that of a member, or of a process that has ended, never of a stranger:
/// had the pid gone to a stranger, the second list could only have it again after his end.
Status send_to_members(const Cgroup& cgroup, const std::vector<Handle>& handles, int signal) {
  NINES_ASSIGN(const auto members, cgroup.processes());
  Status status;
  for (const auto& handle : handles) {
    if (!std::binary_search(members.begin(), members.end(), handle.pid)) continue;
    if (::syscall(SYS_pidfd_send_signal, handle.pidfd.get(), signal, nullptr, 0) == 0) continue;
    if (errno != ESRCH) {
      status = Error::from_errno(errno, "send signal to process", std::to_string(handle.pid));
    }
  }
  return status;
}

bool wait_for(Nanoseconds limit, const std::function<bool()>& done) {
  const BootTime deadline = boot_now() + limit;
  while (!done()) {
    if (boot_now() > deadline) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

bool file_contains(const std::string& path, std::string_view text) {
  const auto content = read_file(path);
  return content && content->find(text) != std::string::npos;
}

/// Sends SIGKILL to all. @return those that were there before.
Result<std::vector<ProcessId>> kill_once(const Cgroup& cgroup) {
  NINES_ASSIGN(const auto pids, cgroup.processes());
  std::vector<ProcessId> found;
  for (const pid_t pid : pids) {
    if (const auto id = Procfs().identify(pid)) found.push_back(*id);
  }
  NINES_TRY(cgroup.signal_all(SIGKILL));
  return found;
}

Status freeze_v1(const std::string& state_file, bool frozen) {
  const char* const wanted = frozen ? "FROZEN" : "THAWED";
  Status written;
  // Writing again is what makes the kernel try again with tasks that were not freezable.
  const bool done = wait_for(kFreezeDeadline, [&] {
    written = write_existing(state_file, wanted);
    return !written || file_contains(state_file, wanted);
  });
  if (!written) return written;
  if (!done) return Error(ErrorCode::kTimeout, "freeze cgroup", state_file);
  return {};
}

}  // namespace

Status Cgroup::signal_all(int signal) const {
  // Bounds the number of descriptors that are open at a time.
  constexpr std::size_t kBatch = 128;
  NINES_ASSIGN(const auto pids, processes());
  Status status;
  for (std::size_t begin = 0; begin < pids.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, pids.size());
    const auto handles = open_handles(pids.data() + begin, pids.data() + end);
    if (auto sent = send_to_members(*this, handles, signal); !sent) status = std::move(sent);
  }
  return status;
}

Status Cgroup::freeze(bool frozen) const {
  for (const auto& path : v1_paths()) {
    if (v2_path().empty() && exists(path + "/freezer.state")) {
      return freeze_v1(path + "/freezer.state", frozen);
    }
  }
  if (v2_path().empty() || !exists(v2_path() + "/cgroup.freeze")) {
    return Error(ErrorCode::kUnsupported, "freeze cgroup", v2_path());
  }
  NINES_TRY(write_existing(v2_path() + "/cgroup.freeze", frozen ? "1" : "0"));
  const std::string_view wanted = frozen ? "frozen 1" : "frozen 0";
  if (!wait_for(kFreezeDeadline,
                [&] { return file_contains(v2_path() + "/cgroup.events", wanted); })) {
    return Error(ErrorCode::kTimeout, "freeze cgroup", v2_path());
  }
  return {};
}

Status Cgroup::thaw_now() const {
  for (const auto& path : v1_paths()) {
    if (v2_path().empty() && exists(path + "/freezer.state")) {
      return write_existing(path + "/freezer.state", "THAWED");
    }
  }
  if (v2_path().empty()) return Error(ErrorCode::kUnsupported, "thaw cgroup");
  return write_existing(v2_path() + "/cgroup.freeze", "0");
}

Status Cgroup::kill_all() {
  if (!v2_path().empty() && exists(v2_path() + "/cgroup.kill")) {
    spoiled_ = true;
    return write_existing(v2_path() + "/cgroup.kill", "1");
  }
  // A process with SIGKILL pending cannot fork, so once a whole list consists of processes that
  // were sent one, nothing new can come. Frozen, they cannot fork meanwhile either.
  std::unordered_set<ProcessId> killed;
  Status status;
  const bool done = wait_for(kKillDeadline, [&] {
    const bool frozen = freeze(true).has_value();
    const auto round = kill_once(*this);
    if (frozen) (void)freeze(false).has_value();
    if (!round) {
      status = round.error();
      return true;
    }
    const std::size_t known = killed.size();
    killed.insert(round->begin(), round->end());
    return killed.size() == known;
  });
  if (!status) return status;
  if (!done) return Error(ErrorCode::kTimeout, "kill cgroup").with_detail("it keeps forking");
  return {};
}

}  // namespace nines::sys
