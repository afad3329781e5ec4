// Stops every thread of a process for a look, and gives back all of it as it was found.
#pragma once

#include <sys/types.h>

#include <map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"

namespace nines::trace {

/// Owns exactly the threads it seized. Belongs to the thread that made it: ptrace(2) knows tracers
/// by thread. A stopped (SIGSTOP) process stays stopped during and after it, and a system call that
/// our stop interrupts goes on afterwards: it does not fail with EINTR.
class Attachment {
 public:
  /// Seizes and interrupts all threads, again until no new ones appear.
  /// @param deadline  what has not stopped by then (state D) is left running: see stopped().
  /// @errors kGone: ended, or another process by now. kDenied: another tracer, or no right to.
  /// @source ptrace(2): PTRACE_SEIZE, PTRACE_INTERRUPT
  static Result<Attachment> attach(const ProcessId& process, BootTime deadline);

  Attachment(Attachment&& other) noexcept
      : threads_(std::move(other.threads_)), begun_(other.begun_) {
    other.threads_.clear();
  }
  Attachment& operator=(Attachment&&) = delete;
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  /// As release().
  ~Attachment();

  /// Detaches what stopped, with the signal that was about to be delivered to it. A thread that
  /// never stopped cannot be detached: the kernel frees it when the tracer ends.
  /// @return how long the first of them was held.
  Nanoseconds release();

  bool stopped(pid_t thread) const;
  bool all_stopped() const;
  std::vector<pid_t> threads() const;
  /// One that stopped for us alone, so that its state is as its program left it.
  /// @errors kBusy: each is about to be delivered a signal, or has not stopped.
  Result<pid_t> quiet_thread() const;

 private:
  struct Thread {
    bool stopped = false;
    int signal = 0;  ///< taken from it by our stop, to be given back
  };
  Attachment() = default;
  Result<bool> seize_new(pid_t process);
  bool wait_for_stops(BootTime deadline);
  bool collect();
  void note_status(std::map<pid_t, Thread>::iterator thread, int status);

  std::map<pid_t, Thread> threads_;
  BootTime begun_;  ///< of the first interruption
};

}  // namespace nines::trace
