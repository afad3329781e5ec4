// Where a health check connects to.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::supervise {

struct HealthTarget {
  std::vector<std::pair<sockaddr_storage, socklen_t>> addresses;  ///< to be tried in this order
  std::string text;       ///< for messages: "127.0.0.1:6379", "[::1]:80", "unix:/run/x.sock"
  std::string http_host;  ///< for the Host header
};

/// @param host  numeric IPv4 or IPv6 (brackets optional, scope "%eth0" allowed), "localhost",
///              "unix:/path", "unix:@abstract".
/// @errors kInvalidArgument: anything else.
Result<HealthTarget> resolve_health_target(const std::string& host, std::uint16_t port);

}  // namespace nines::supervise
