// For tests only: child processes that end with the test.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <utility>

#include "base/clock.h"

namespace nines::sys {

/// A forked child, killed and reaped at the latest when this goes. The child shares nothing that
/// runs: it calls `body` and then _exit with what that returns.
class TestChild {
 public:
  explicit TestChild(const std::function<int()>& body) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(body());
  }
  TestChild(const TestChild&) = delete;
  TestChild& operator=(const TestChild&) = delete;
  ~TestChild() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  pid_t pid() const { return pid_; }
  /// Reaps it. @return its wait status.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  pid_t pid_;
};

/// Sleeps until a signal ends the process.
[[noreturn]] inline int sleep_forever() {
  for (;;) ::pause();
}

/// Asks `done` again and again until it says yes. The bound is for broken code: a test that needs
/// it has failed.
inline bool eventually(const std::function<bool()>& done) {
  const BootTime give_up = boot_now() + std::chrono::seconds(30);
  while (!done()) {
    if (boot_now() > give_up) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

}  // namespace nines::sys
