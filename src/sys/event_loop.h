// The daemon's event loop: Boost.Asio behind a narrow face, so that only two files include it.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace nines::sys {

/// Cancels what it stands for when destroyed. Movable.
/// @pre  it is gone, or was reset, before its loop is destroyed.
class Subscription {
 public:
  struct Impl {
    virtual ~Impl() = default;
  };
  Subscription() = default;
  explicit Subscription(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
  void reset() { impl_.reset(); }
  explicit operator bool() const { return impl_ != nullptr; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Single-threaded: every callback runs on the thread in run(). A callback may destroy its own
/// Subscription.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Calls `ready` each time `fd` is readable (level-triggered) until the Subscription goes.
  /// The fd stays the caller's and must outlive the Subscription.
  Subscription on_readable(int fd, std::function<void()> ready);
  /// The same for writable: a connect(2) that finished, or room in a full buffer.
  Subscription on_writable(int fd, std::function<void()> ready);
  /// Calls `fire` once, after `delay` on the monotonic clock.
  Subscription after(Nanoseconds delay, std::function<void()> fire);
  /// Calls `run` soon. Callable from any thread.
  void post(std::function<void()> run);

  void run();
  /// Runs one callback, or none if nothing is ready within `limit`.
  void run_one(Nanoseconds limit);
  void stop();  ///< callable from any thread

  /// For the HTTP server, which speaks Asio itself.
  boost::asio::io_context& context();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nines::sys
