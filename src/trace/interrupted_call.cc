#include "trace/interrupted_call.h"

#include <fmt/format.h>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

#include "sys/file.h"
#include "sys/key_number.h"

namespace nines::trace {
namespace {

#if defined(__x86_64__)

#ifndef SYS_epoll_pwait2
constexpr long SYS_epoll_pwait2 = 441;
#endif

// They fail with EINTR only when they have done nothing yet. Not here: close(2), of which nobody
// knows what it did, and connect(2), which cannot be made twice.
constexpr std::array<long, 22> kMadeAgain = {
    SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_rt_sigtimedwait, SYS_semop,
    SYS_semtimedop, SYS_read,        SYS_readv,        SYS_write,           SYS_writev,
    SYS_recvfrom,   SYS_recvmsg,     SYS_recvmmsg,     SYS_sendto,          SYS_sendmsg,
    SYS_sendmmsg,   SYS_accept,      SYS_accept4,      SYS_io_getevents,    SYS_io_pgetevents,
    SYS_msgsnd,     SYS_msgrcv};

/// @return true too where it cannot be known.
bool awaits_signal(pid_t thread) {
  const auto status = sys::read_file(fmt::format("/proc/{}/status", thread));
  if (!status) return true;
  constexpr int kHexadecimal = 16;
  const auto pending = sys::number_of(*status, "SigPnd", kHexadecimal);
  const auto of_process = sys::number_of(*status, "ShdPnd", kHexadecimal);
  const auto blocked = sys::number_of(*status, "SigBlk", kHexadecimal);
  return !pending || !of_process || !blocked || ((*pending | *of_process) & ~*blocked) != 0;
}

#endif

}  // namespace

void restart_interrupted_call(pid_t thread) {
#if defined(__x86_64__)
  user_regs_struct registers{};
  iovec where{&registers, sizeof registers};
  if (::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &where) != 0 ||
      where.iov_len != sizeof registers) {
    return;  // it is gone, or of another word size
  }
  const auto call = static_cast<long>(registers.orig_rax);
  if (static_cast<long>(registers.rax) != -EINTR || call < 0 ||
      std::find(kMadeAgain.begin(), kMadeAgain.end(), call) == kMadeAgain.end() ||
      awaits_signal(thread)) {
    return;
  }
  constexpr std::uint64_t kSyscallInstruction = 2;  // bytes
  registers.rip -= kSyscallInstruction;
  registers.rax = registers.orig_rax;
  registers.orig_rax = ~0ULL;  // the kernel shall do nothing about it
  ::ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &where);
#else
  static_cast<void>(thread);
#endif
}

}  // namespace nines::trace
