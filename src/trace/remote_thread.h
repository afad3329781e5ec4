// Makes a stopped thread of another process do something for us, and puts back all of its state.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "trace/snapshot.h"

namespace nines::trace {

/// One borrowed thread. While it works for us no signal with a handler reaches it: they wait, as
/// they would for a thread that blocks them. Its memory is not touched: a call's stack is the
/// caller's to name, and system calls use an instruction that the process has already.
class RemoteThread {
 public:
  /// Saves general registers, the whole XSAVE area and the signal mask.
  /// @param thread       stopped by the calling thread's Attachment, with no signal taken from it
  ///                     (Attachment::quiet_thread).
  /// @param instruction  the address of a `syscall` in the process: find_syscall_instruction().
  /// @errors kGone; kUnsupported: another architecture or word size.
  /// @source ptrace(2): PTRACE_GETREGSET with NT_X86_XSTATE, PTRACE_SETSIGMASK, PTRACE_SINGLESTEP
  static Result<RemoteThread> borrow(pid_t thread, RemoteAddress instruction);

  RemoteThread(RemoteThread&& other) noexcept;
  RemoteThread& operator=(RemoteThread&&) = delete;
  RemoteThread(const RemoteThread&) = delete;
  RemoteThread& operator=(const RemoteThread&) = delete;
  /// As give_back().
  ~RemoteThread();

  /// @return what the kernel returned, which may be -errno.
  /// @errors kGone: killed meanwhile.
  Result<std::int64_t> system_call(long number, std::array<std::uint64_t, 6> arguments);

  /// The same, with -errno as an Error named `what`.
  Result<std::uint64_t> checked_call(const std::string& what, long number,
                                     std::array<std::uint64_t, 6> arguments);

  /// Puts all of it back. @errors kGone.
  Status give_back();

 private:
  RemoteThread(pid_t thread, RemoteAddress instruction)
      : thread_(thread), instruction_(instruction) {}
  Status save();
  Result<int> wait_for_stop();
  Status step_over();

  pid_t thread_;
  RemoteAddress instruction_;
  user_regs_struct registers_{};
  std::string xstate_;
  std::uint64_t mask_ = 0;
  std::uint64_t late_signals_ = 0;  ///< bit n - 1: signal n came while it worked
};

/// @return where a `syscall` instruction is: in the vdso, which every process has.
/// @errors kNotFound, kGone.
Result<RemoteAddress> find_syscall_instruction(pid_t process);

}  // namespace nines::trace
