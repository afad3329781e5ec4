#include "sys/fd_watches.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace nines::sys {
namespace {

constexpr int kMostPerTurn = 8;

[[noreturn]] void throw_errno(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

}  // namespace

FdWatches::FdWatches() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw_errno("epoll_create1");
}

FdWatches::Watch::Watch(FdWatches& set, int fd, std::uint32_t events, std::function<void()> ready)
    : set_(set), ready_(std::move(ready)), fd_(fd) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = this;
  if (::epoll_ctl(set_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
}

FdWatches::Watch::~Watch() {
  ::epoll_ctl(set_.fd(), EPOLL_CTL_DEL, fd_, nullptr);
  if (set_.running_ == this) set_.running_ = nullptr;
}

void FdWatches::run_ready() {
  // One at a time: a callback may end a Watch that would stand later in the same list.
  for (int i = 0; i < kMostPerTurn; ++i) {
    epoll_event event{};
    if (::epoll_wait(fd(), &event, 1, 0) <= 0) return;
    auto* const watch = static_cast<Watch*>(event.data.ptr);
    // Out of the Watch, which the callback may end.
    std::function<void()> ready = std::move(watch->ready_);
    running_ = watch;
    ready();
    if (running_ != nullptr) running_->ready_ = std::move(ready);
    running_ = nullptr;
  }
}

}  // namespace nines::sys
