// Waiting for traced threads to stop.
#pragma once

#include <signal.h>

#include <ctime>

#include "base/clock.h"

namespace nines::trace {

/// A stop of a thread that is traced is told by SIGCHLD, which stays in the queue while this lives.
/// Belongs to the thread that made it.
class StopSignal {
 public:
  StopSignal() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  /// Until one comes, or that long. Another thread of ours may have taken it: look again then.
  void wait(Nanoseconds most) const {
    constexpr long kSecond = 1'000'000'000;
    const timespec timeout{most.count() / kSecond, most.count() % kSecond};
    ::sigtimedwait(&set_, nullptr, &timeout);
  }

 private:
  sigset_t set_{}, before_{};
};

}  // namespace nines::trace
