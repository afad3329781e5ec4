// The API's HTTP server on a unix socket. Requests are decoded in api/request.h and answered by a
// Backend; here is what lies between: connections, permissions, limits and streams.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "daemon/backend.h"

namespace boost::asio {
class io_context;
}

namespace nines::daemon {

struct HttpServerOptions {
  std::string socket_path;
  /// Already bound and listening, handed over by a predecessor: no client is refused meanwhile.
  UniqueFd listener;
  uid_t owner = 0;               ///< may act, as root may; usually geteuid()
  std::optional<gid_t> readers;  ///< may read; usually find_group("nines")
  std::size_t max_connections = 128;
  /// Connections of mere readers; the rest stays free for who may act.
  std::size_t max_reader_connections = 96;
  std::chrono::milliseconds request_timeout{10'000};  ///< from first byte to whole request
  std::chrono::milliseconds idle_timeout{120'000};    ///< kept alive without a request
  std::chrono::milliseconds drain_timeout{5'000};     ///< for a slow reader's last event, a reply
  std::size_t stream_queue_bytes = 1 << 20;           ///< that a slow reader may fall behind
};

/// Serves until destroyed. Single-threaded, on the thread that runs `context`.
class HttpServer {
 public:
  /// Binds (mode 0660 with a readers' group, else 0600; a stale socket is replaced atomically) and
  /// begins to accept. The files' directory exists already.
  /// @pre    `context` and `backend` outlive the server.
  /// @errors kDenied, kNoSpace ... from socket(2), bind(2), rename(2).
  static Result<std::unique_ptr<HttpServer>> start(boost::asio::io_context& context,
                                                   Backend& backend, HttpServerOptions options);
  /// Closes every connection. Removes the socket unless release_listener() was called.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// For a re-exec: a duplicate of the listening descriptor, for HttpServerOptions::listener of
  /// the successor. The socket's path then stays when this server goes.
  Result<UniqueFd> release_listener();

  std::size_t connections() const;

 private:
  struct State;
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// Binds and listens as HttpServer does. Its own function because the socket's rights are worth a
/// test of their own.
Result<UniqueFd> bind_api_socket(const std::string& path, std::optional<gid_t> readers);

}  // namespace nines::daemon
