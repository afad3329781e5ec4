// The API's client: one connection to the daemon's unix socket, blocking, for command lines.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/request.h"
#include "api/types.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::api {

/// What came back, whatever its status.
struct RawReply {
  unsigned status = 0;
  std::string body;
};

/// One server-sent event.
struct StreamEvent {
  std::string name;  ///< "event", "log", "error"
  std::string id;
  std::string data;  ///< JSON
};

/// Why a stream ended without an error.
enum class StreamEnd { kServerClosed, kInterrupted, kCallerStopped };

class Client {
 public:
  /// @errors kNotFound, kBusy (refused): no daemon there. kDenied: not allowed to connect.
  static Result<Client> connect(const std::string& socket_path);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// Waits for the answer, however long a unit takes to start.
  /// @return the body of a successful reply.
  /// @errors whatever the daemon's error says; kGone: the connection broke before the answer.
  Result<std::string> call(const Request& request);

  /// Sends bytes of any form; for what call() has no Request for.
  Result<RawReply> call_raw(const EncodedRequest& request);

  /// Follows a stream until it ends, `on_event` returns false, or `interrupt_fd` is readable
  /// (-1: none). The connection cannot be used afterwards.
  /// @errors as call(); also the "error" event that the daemon sends before it drops a client.
  Result<StreamEnd> follow(const Request& request,
                           const std::function<bool(const StreamEvent&)>& on_event,
                           int interrupt_fd = -1);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nines::api
