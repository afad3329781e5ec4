// One question and its answer over a stream socket, on the loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "app/supervise/health_target.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/event_loop.h"

namespace nines::supervise {

/// Connects to the first address that lets it, sends, then receives until the judge has seen
/// enough. Destroying it ends everything. It knows no time-out: its owner does.
class StreamExchange {
 public:
  /// Looks at all that has arrived so far. `ended`: there will be no more, so that it must decide.
  /// @return empty: go on receiving.
  using Judge = std::function<std::optional<Status>(std::string_view received, bool ended)>;
  using Done = std::function<void(Status)>;

  /// @param judge  empty: success as soon as everything is sent.
  StreamExchange(sys::EventLoop& loop, HealthTarget target, std::string to_send, Judge judge,
                 Done done);

  /// May call `done` before it returns; `done` may destroy this object.
  void start();

  /// What it waits for, for the message of a time-out: "not accepted", "no answer" ...
  std::string_view waiting_for() const;

 private:
  enum class Phase : std::uint8_t { kConnecting, kSending, kReceiving };

  void try_next_address(std::optional<Error> last);
  void on_writable();
  void send_more();
  void receive_more();
  void finish(Status status);
  Error failure(int errno_value, const char* op) const;

  sys::EventLoop& loop_;
  HealthTarget target_;
  std::size_t next_address_ = 0;
  std::string to_send_;
  std::size_t sent_ = 0;
  std::string received_;
  Judge judge_;
  Done done_;
  Phase phase_ = Phase::kConnecting;
  UniqueFd socket_;
  // After the socket, so that it goes first: the loop must never watch a closed descriptor.
  sys::Subscription watch_;
};

}  // namespace nines::supervise
