#include "daemon/access.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace nines::daemon {

Access access_of(const Peer& peer, const AccessPolicy& policy) {
  if (peer.uid == 0 || peer.uid == policy.owner) return Access::kAct;
  if (!policy.readers) return Access::kNone;
  const bool reader =
      peer.gid == *policy.readers ||
      std::find(peer.groups.begin(), peer.groups.end(), *policy.readers) != peer.groups.end();
  return reader ? Access::kRead : Access::kNone;
}

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Error::from_errno(errno, "getsockopt", "SO_PEERCRED");
  }
  Peer peer{credentials.pid, credentials.uid, credentials.gid, {}};
  // Asked for its size first; the list cannot change afterwards, it is of connect(2)'s moment.
  size = 0;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size) != 0 && errno != ERANGE) {
    return Error::from_errno(errno, "getsockopt", "SO_PEERGROUPS");
  }
  peer.groups.resize(size / sizeof(gid_t));
  if (!peer.groups.empty() &&
      ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0) {
    return Error::from_errno(errno, "getsockopt", "SO_PEERGROUPS");
  }
  return peer;
}

std::optional<gid_t> find_group(const char* name) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(16 * 1024);
  // A group with very many members needs more room; the loop ends at 1 MiB.
  while (::getgrnam_r(name, &entry, buffer.data(), buffer.size(), &found) == ERANGE &&
         buffer.size() < (1U << 20)) {
    buffer.resize(buffer.size() * 2);
  }
  if (found == nullptr) return std::nullopt;
  return entry.gr_gid;
}

}  // namespace nines::daemon
