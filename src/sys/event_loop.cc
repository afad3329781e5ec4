#include "sys/event_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <utility>

#include "sys/fd_watches.h"

namespace nines::sys {
namespace asio = boost::asio;

struct EventLoop::State {
  State() : all_fds(context, watches.fd()) { arm(); }
  // The set closes it.
  ~State() { (void)all_fds.release(); }

  void arm() {
    all_fds.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (error) return;
                         watches.run_ready();
                         arm();
                       });
  }

  FdWatches watches;  // first: what never ran goes with the context, and may hold a Watch
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::posix::stream_descriptor all_fds;
};

namespace {

struct FdSubscription final : Subscription::Impl {
  FdSubscription(FdWatches& set, int fd, std::uint32_t events, std::function<void()> ready)
      : watch(set, fd, events, std::move(ready)) {}
  FdWatches::Watch watch;
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
  return Subscription(
      std::make_unique<FdSubscription>(state_->watches, fd, EPOLLIN, std::move(ready)));
}

Subscription EventLoop::on_writable(int fd, std::function<void()> ready) {
  return Subscription(
      std::make_unique<FdSubscription>(state_->watches, fd, EPOLLOUT, std::move(ready)));
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
