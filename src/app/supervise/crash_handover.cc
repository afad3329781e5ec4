#include "app/supervise/crash_handover.h"

#include <fmt/format.h>
#include <sched.h>

#include <charconv>
#include <string_view>
#include <unordered_set>

#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/sock_diag.h"

namespace nines::supervise {
namespace {

std::unordered_set<std::uint64_t> socket_inodes(pid_t pid) {
  constexpr std::string_view kPrefix = "socket:[";
  std::unordered_set<std::uint64_t> inodes;
  const auto descriptors = sys::Procfs().descriptors(pid);
  if (!descriptors) return inodes;
  for (const auto& [fd, target] : *descriptors) {
    if (!target.starts_with(kPrefix)) continue;
    std::uint64_t inode = 0;
    const char* const begin = target.data() + kPrefix.size();
    if (std::from_chars(begin, target.data() + target.size(), inode).ec == std::errc()) {
      inodes.insert(inode);
    }
  }
  return inodes;
}

}  // namespace

unsigned free_listeners(pid_t pid) {
  const auto inodes = socket_inodes(pid);
  if (inodes.empty()) return 0;
  auto diag = sys::SockDiag::open();
  if (!diag) return 0;
  const auto listeners = diag->tcp_listeners();
  if (!listeners) return 0;
  unsigned freed = 0;
  for (const sys::TcpListener& listener : *listeners) {
    if (inodes.contains(listener.inode) && diag->destroy(listener)) ++freed;
  }
  return freed;
}

void give_way(const sys::Pidfd& process, pid_t pid, LeaveThisCpu leave) {
  const auto threads = sys::list_directory(fmt::format("/proc/{}/task", pid));
  // These calls take numbers only: as long as the handle says that it is there, they are its own.
  if (!threads || process.has_exited()) return;
  cpu_set_t elsewhere;
  const int here = ::sched_getcpu();
  const bool can_leave = leave == LeaveThisCpu::kYes && here >= 0 &&
                         ::sched_getaffinity(pid, sizeof elsewhere, &elsewhere) == 0 &&
                         CPU_ISSET(here, &elsewhere) && CPU_COUNT(&elsewhere) > 1;
  if (can_leave) CPU_CLR(here, &elsewhere);
  for (const std::string& name : *threads) {
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    if (thread <= 0) continue;
    const sched_param none{};
    (void)::sched_setscheduler(thread, SCHED_IDLE, &none);
    if (can_leave) (void)::sched_setaffinity(thread, sizeof elsewhere, &elsewhere);
  }
}

}  // namespace nines::supervise
