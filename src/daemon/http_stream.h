// One client that follows: server-sent events over its connection, bounded in memory.
// @source HTML Living Standard, 9.2 "Server-sent events"
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "daemon/connection_table.h"
#include "daemon/routes.h"
#include "sys/event_loop.h"

namespace nines::daemon {

/// Keeps itself alive until the client leaves, falls too far behind, or close().
class HttpStream : public Connection, public std::enable_shared_from_this<HttpStream> {
 public:
  /// @param queue_bytes    how far the client may fall behind what happens now.
  /// @param drain_timeout  how long a client that fell behind may take for the last event.
  HttpStream(const boost::asio::any_io_executor& executor, std::size_t queue_bytes,
             std::chrono::milliseconds drain_timeout);

  /// Sends the HTTP header and the history (which does not count against the queue's limit), then
  /// what push() brings for as long as `source.subscription` lives, which is as long as this.
  void start(boost::asio::local::stream_protocol::socket socket, ConnectionTable::Slot slot,
             StreamSource source);

  /// Queues one event. A client that is too far behind gets a last event "error" and is dropped.
  void push(const StreamItem& item);

  void close() override;

 private:
  void write_more();
  void give_up();
  void watch_for_hangup();

  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::steady_timer deadline_;
  std::optional<ConnectionTable::Slot> slot_;
  std::size_t limit_;
  std::chrono::milliseconds drain_timeout_;
  sys::Subscription subscription_;
  std::string queued_;   ///< whole events that wait
  std::string sending_;  ///< whole events on their way
  std::array<char, 512> ignored_{};
  bool started_ = false;
  bool last_ = false;  ///< the last event is queued: nothing comes after it
  bool closed_ = false;
};

}  // namespace nines::daemon
