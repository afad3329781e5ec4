// Who may do what over the API: decided by who the peer of the socket is, nothing else.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace nines::daemon {

enum class Access { kNone, kRead, kAct };

/// The process at the other end, as it was when it connected.
struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< supplementary
};

/// @param owner    the daemon's own uid; it and root may act.
/// @param readers  the group that may read, if there is one.
struct AccessPolicy {
  uid_t owner = 0;
  std::optional<gid_t> readers;
};

Access access_of(const Peer& peer, const AccessPolicy& policy);

/// @source unix(7): SO_PEERCRED, SO_PEERGROUPS
Result<Peer> peer_of(int socket);

/// Not by the name service: that may ask a server that does not answer, and loads libraries into us
/// that stay for good.
/// @return the gid of the group `name`, if this host itself has it.
/// @source group(5)
std::optional<gid_t> find_group(std::string_view name, const std::string& file = "/etc/group");

}  // namespace nines::daemon
