#include "daemon/access.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "sys/file.h"

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

std::optional<gid_t> find_group(std::string_view name, const std::string& file) {
  const auto text = sys::read_file(file);
  if (!text) return std::nullopt;
  for (std::string_view rest = *text; !rest.empty();) {
    // NAME:PASSWORD:GID:MEMBERS
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    line = line.substr(name.size() + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    line.remove_prefix(colon + 1);
    gid_t gid = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), gid);
    if (error == std::errc() && end != line.data() + line.size() && *end == ':') return gid;
  }
  return std::nullopt;
}

}  // namespace nines::daemon
