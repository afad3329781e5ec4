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
struct ReadableWatch : std::enable_shared_from_this<ReadableWatch> {
  ReadableWatch(asio::io_context& context, int fd, std::function<void()> ready)
      : descriptor(context, fd), callback(std::make_shared<std::function<void()>>(std::move(ready))) {}
  ~ReadableWatch() {
    if (descriptor.is_open()) (void)descriptor.release();
  }

  void arm() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](boost::system::error_code error) {
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
  std::shared_ptr<std::function<void()>> callback;
};

struct ReadableSubscription final : Subscription::Impl {
  explicit ReadableSubscription(std::shared_ptr<ReadableWatch> w) : watch(std::move(w)) {}
  ~ReadableSubscription() override { watch->cancel(); }
  std::shared_ptr<ReadableWatch> watch;
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

Subscription EventLoop::on_readable(int fd, std::function<void()> ready) {
  auto watch = std::make_shared<ReadableWatch>(state_->context, fd, std::move(ready));
  watch->arm();
  return Subscription(std::make_unique<ReadableSubscription>(std::move(watch)));
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

void EventLoop::post(std::function<void()> run) { asio::post(state_->context, std::move(run)); }
void EventLoop::run() { state_->context.run(); }
void EventLoop::stop() { state_->context.stop(); }
boost::asio::io_context& EventLoop::context() { return state_->context; }

}  // namespace nines::sys
