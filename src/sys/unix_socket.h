// AF_UNIX sockets that carry file descriptors and credentials.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::sys {

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct Datagram {
  std::string bytes;
  std::vector<UniqueFd> fds;
  std::optional<PeerCredentials> sender;  ///< with SO_PASSCRED
  bool truncated = false;                 ///< bytes or fds were lost: do not trust it
};

/// SOCK_SEQPACKET pair, CLOEXEC: message boundaries, fds, and end-of-file when the peer dies.
Result<std::pair<UniqueFd, UniqueFd>> seqpacket_pair();

/// Sends one message with descriptors. @errors kGone: the peer closed. kBusy: buffer full.
Status send_message(int socket, std::string_view bytes, const std::vector<int>& fds = {},
                    int flags = MSG_NOSIGNAL);

/// Receives one message. Empty optional: nothing waits (non-blocking socket).
/// @errors kGone: end of file.
Result<std::optional<Datagram>> receive_message(int socket, std::size_t max_bytes = 65536,
                                                int flags = MSG_DONTWAIT);

/// Binds a datagram or stream socket to a path, replacing a stale one.
Result<UniqueFd> bind_unix(const std::string& path, int type, mode_t mode);
Result<UniqueFd> connect_unix(const std::string& path, int type);

Result<PeerCredentials> peer_credentials(int socket);

}  // namespace nines::sys
