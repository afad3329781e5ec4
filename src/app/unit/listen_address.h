// ListenStream= and its kin: where a socket listens.
#pragma once

#include <string_view>

#include "app/unit/spec.h"
#include "base/result.h"

namespace nines::unit {

/// "/run/x.sock", "@abstract", "6379", "127.0.0.1:6379", "[::1]:6379", "[fe80::1%eth0]:6379".
/// A port alone listens on every address, IPv4 and IPv6.
/// @errors kInvalidArgument; kUnsupported: vsock and other families.
/// @source systemd.socket(5)
Result<SocketListen> parse_listen_address(SocketListen::Kind kind, std::string_view text);

}  // namespace nines::unit
