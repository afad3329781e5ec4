// The socket address of a Listen*= line.
#pragma once

#include <sys/socket.h>

#include "app/unit/spec.h"
#include "base/result.h"

namespace nines::supervise {

struct ListenerAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// @errors kInvalidArgument: not an address, path too long, no such interface.
Result<ListenerAddress> listener_address(const unit::SocketListen& listen);

}  // namespace nines::supervise
