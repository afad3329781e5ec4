#include "app/supervise/crash_handover.h"

#include <charconv>
#include <string_view>
#include <unordered_set>

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

}  // namespace nines::supervise
