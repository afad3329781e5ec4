// Connections that wait to be accepted.
#include <map>
#include <utility>

#include "app/usage/round.h"

namespace nines::usage {
namespace {

/// So many addresses of one unit are told, the first by name.
constexpr std::size_t kMaxAddresses = 32;

}  // namespace

void measure_backlog(Round& round) {
  if (round.unit.listeners.empty() && round.measured.held_sockets.empty()) return;
  // A kernel may tell of one kind of socket and not of the other.
  if (Status listed = round.host.list_listeners(round.now); !listed) {
    round.failed(std::move(listed.error()));
  }
  // With SO_REUSEPORT several listen on one address, each with its own queue.
  std::map<std::string, Tightest> by_address;
  for (const auto* inodes : {&round.measured.held_sockets, &std::as_const(round.unit.listeners)}) {
    for (const std::uint64_t inode : *inodes) {
      const auto listener = round.host.listener(inode);
      if (!listener || listener->address.empty()) continue;
      by_address[listener->address].offer({Resource::kBacklog,
                                           "listen backlog of " + listener->address,
                                           listener->waiting, listener->capacity});
    }
  }
  std::size_t told = 0;
  for (auto& [address, tightest] : by_address) {
    if (told++ == kMaxAddresses) return;
    std::move(tightest).add_to(round);
  }
}

}  // namespace nines::usage
