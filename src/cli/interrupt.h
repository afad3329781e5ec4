// Ctrl-C as something to wait for, so that a verb can end what it began.
#pragma once

#include <signal.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::cli {

/// While it lives, SIGINT and SIGTERM make fd() readable instead of ending the program. Afterwards
/// they end it again: a second Ctrl-C is never swallowed.
/// @source signalfd(2)
class Interrupt {
 public:
  static Result<Interrupt> install();
  Interrupt(Interrupt&& other) noexcept = default;
  Interrupt& operator=(Interrupt&&) = delete;
  ~Interrupt();

  int fd() const { return fd_.get(); }
  /// Takes the signal that came, and its echoes, so that none comes again when this goes.
  void consume();
  /// Leaves the signals blocked for good: for a program that ends now anyway.
  void leave_blocked() { fd_.reset(); }

 private:
  Interrupt(UniqueFd fd, const sigset_t& before) : fd_(std::move(fd)), before_(before) {}
  UniqueFd fd_;
  sigset_t before_;
};

}  // namespace nines::cli
