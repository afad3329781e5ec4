// One client's connection: requests in, replies out, one after the other.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <memory>

#include "daemon/connection_table.h"
#include "daemon/http_server.h"

namespace nines::daemon {

/// What all sessions of a server share.
struct SessionContext {
  Backend& backend;
  std::shared_ptr<ConnectionTable> table;
  std::size_t stream_queue_bytes;
  std::chrono::milliseconds request_timeout, idle_timeout, drain_timeout;
};

/// Begins to serve a connection; it lives until the client leaves or the table closes it.
void start_session(std::shared_ptr<const SessionContext> context,
                   boost::asio::local::stream_protocol::socket socket, ConnectionTable::Slot slot,
                   Access access);

}  // namespace nines::daemon
