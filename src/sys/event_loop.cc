#include "sys/event_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <utility>

namespace nines::sys {
namespace asio = boost::asio;

struct EventLoop::State {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
};

namespace {

// The handlers hold the watch itself, so that a callback may drop its own Subscription: that only
// clears `callback`, and the memory goes when the last pending handler has run.
struct FdWatch : std::enable_shared_from_this<FdWatch> {
  FdWatch(asio::io_context& context, int fd, asio::posix::stream_descriptor::wait_type what,
          std::function<void()> ready)
      : descriptor(context, fd),
        wait_for(what),
        callback(std::make_shared<std::function<void()>>(std::move(ready))) {}
  ~FdWatch() {
    if (descriptor.is_open()) (void)descriptor.release();
  }

  void arm() {
    descriptor.async_wait(wait_for, [self = shared_from_this()](boost::system::error_code error) {
      if (error || !self->callback) return;
      const auto keep_alive = self->callback;
      (*keep_alive)();
      if (self->callback) self->arm();
    });
  }

  void cancel() {
    callback.reset();
    // The fd is the subscriber's: it is taken out of epoll here and now, never closed.
    (void)descriptor.release();
  }

  asio::posix::stream_descriptor descriptor;
  asio::posix::stream_descriptor::wait_type wait_for;
  std::shared_ptr<std::function<void()>> callback;
};

struct FdSubscription final : Subscription::Impl {
  explicit FdSubscription(std::shared_ptr<FdWatch> w) : watch(std::move(w)) {}
  ~FdSubscription() override { watch->cancel(); }
  std::shared_ptr<FdWatch> watch;
};

struct TimerState {
  TimerState(asio::io_context& context, std::function<void()> run)
      : timer(context), fire(std::move(run)) {}
  asio::steady_timer timer;
  std::function<void()> fire;
};

struct TimerSubscription final : Subscription::Impl {
  explicit TimerSubscription(std::shared_ptr<TimerState> s) : state(std::move(s)) {}
  ~TimerSubscription() override {
    state->fire = nullptr;
    state->timer.cancel();
  }
  std::shared_ptr<TimerState> state;
};

}  // namespace

EventLoop::EventLoop() : state_(std::make_unique<State>()) {}
EventLoop::~EventLoop() = default;

namespace {
Subscription watch_fd(asio::io_context& context, int fd,
                      asio::posix::stream_descriptor::wait_type what, std::function<void()> ready) {
  auto watch = std::make_shared<FdWatch>(context, fd, what, std::move(ready));
  watch->arm();
  return Subscription(std::make_unique<FdSubscription>(std::move(watch)));
}
}  // namespace

Subscription EventLoop::on_readable(int fd, std::function<void()> ready) {
  return watch_fd(state_->context, fd, asio::posix::stream_descriptor::wait_read, std::move(ready));
}

Subscription EventLoop::on_writable(int fd, std::function<void()> ready) {
  return watch_fd(state_->context, fd, asio::posix::stream_descriptor::wait_write,
                  std::move(ready));
}

Subscription EventLoop::after(Nanoseconds delay, std::function<void()> fire) {
  auto timer = std::make_shared<TimerState>(state_->context, std::move(fire));
  timer->timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(delay));
  timer->timer.async_wait([timer](boost::system::error_code error) {
    if (error || !timer->fire) return;
    const auto run_once = std::exchange(timer->fire, nullptr);
    run_once();
  });
  return Subscription(std::make_unique<TimerSubscription>(std::move(timer)));
}

void EventLoop::post(std::function<void()> run) {
  asio::post(state_->context, std::move(run));
}
void EventLoop::run() {
  state_->context.run();
}
void EventLoop::run_one(Nanoseconds limit) {
  state_->context.run_one_for(limit);
}
void EventLoop::stop() {
  state_->context.stop();
}
boost::asio::io_context& EventLoop::context() {
  return state_->context;
}

}  // namespace nines::sys
