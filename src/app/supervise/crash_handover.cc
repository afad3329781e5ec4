#include "app/supervise/crash_handover.h"

#include <fmt/format.h>
#include <sched.h>

#include <charconv>

#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::supervise {

std::vector<sys::TcpListener> find_listeners(const sys::Pidfd& process, pid_t pid) {
  const auto inodes = sys::Procfs().socket_inodes(pid);
  if (!inodes || inodes->empty()) return {};
  auto diag = sys::SockDiag::open();
  if (!diag) return {};
  auto listeners = diag->tcp_listeners();
  if (!listeners) return {};
  std::erase_if(*listeners, [&](const auto& found) { return !inodes->contains(found.inode); });
  // As long as it is there, it was its descriptors that were read, and not those of a later process
  // with its number.
  if (process.has_exited()) return {};
  return std::move(*listeners);
}

unsigned close_listeners(const std::vector<sys::TcpListener>& listeners) {
  if (listeners.empty()) return 0;
  auto diag = sys::SockDiag::open();
  if (!diag) return 0;
  unsigned closed = 0;
  for (const sys::TcpListener& listener : listeners) {
    if (diag->destroy(listener)) ++closed;
  }
  return closed;
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
