#include "trace/remote_thread.h"

#include <fmt/format.h>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sys/file.h"
#include "sys/procfs.h"
#include "trace/modules.h"
#include "trace/stop_wait.h"

namespace nines::trace {
namespace {

constexpr std::size_t kMostXstate = 64 << 10;  // AMX tiles are 8 KiB of it
constexpr int kMostStops = 1000;
constexpr int kSignals = 64;

/// All but those of which an instruction may be the cause: while blocked the kernel takes their
/// handlers away for good when it has to send them.
constexpr std::uint64_t kDeferred =
    ~((1ULL << (SIGSEGV - 1)) | (1ULL << (SIGBUS - 1)) | (1ULL << (SIGFPE - 1)) |
      (1ULL << (SIGILL - 1)) | (1ULL << (SIGTRAP - 1)) | (1ULL << (SIGSYS - 1)));

Error gone(pid_t thread) {
  return Error(ErrorCode::kGone, "borrow thread", std::to_string(thread));
}

bool set_registers(pid_t thread, user_regs_struct registers) {
  iovec from{&registers, sizeof registers};
  return ::ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &from) == 0;
}

}  // namespace

RemoteThread::RemoteThread(RemoteThread&& other) noexcept
    : thread_(std::exchange(other.thread_, 0)),
      instruction_(other.instruction_),
      registers_(other.registers_),
      xstate_(std::move(other.xstate_)),
      mask_(other.mask_),
      late_signals_(other.late_signals_) {}

RemoteThread::~RemoteThread() {
  (void)give_back().has_value();
}

Result<RemoteThread> RemoteThread::borrow(pid_t thread, RemoteAddress instruction) {
#if defined(__x86_64__)
  RemoteThread borrowed(thread, instruction);
  if (Status saved = borrowed.save(); !saved) {
    borrowed.thread_ = 0;
    return std::move(saved.error());
  }
  return borrowed;
#else
  static_cast<void>(instruction);
  return Error(ErrorCode::kUnsupported, "borrow thread", std::to_string(thread))
      .with_detail("on this architecture that is not there yet");
#endif
}

Status RemoteThread::save() {
  iovec general{&registers_, sizeof registers_};
  if (::ptrace(PTRACE_GETREGSET, thread_, NT_PRSTATUS, &general) != 0) return gone(thread_);
  if (general.iov_len != sizeof registers_) {
    return Error(ErrorCode::kUnsupported, "borrow thread", std::to_string(thread_))
        .with_detail("it runs 32-bit code");
  }
  xstate_.resize(kMostXstate);
  iovec extended{xstate_.data(), xstate_.size()};
  if (::ptrace(PTRACE_GETREGSET, thread_, NT_X86_XSTATE, &extended) != 0) return gone(thread_);
  xstate_.resize(extended.iov_len);
  if (::ptrace(PTRACE_GETSIGMASK, thread_, sizeof mask_, &mask_) != 0) return gone(thread_);
  std::uint64_t deferred = mask_ | kDeferred;
  if (::ptrace(PTRACE_SETSIGMASK, thread_, sizeof deferred, &deferred) != 0) return gone(thread_);
  return {};
}

Status RemoteThread::give_back() {
  if (thread_ == 0) return {};
  const pid_t thread = std::exchange(thread_, 0);
  iovec extended{xstate_.data(), xstate_.size()};
  // Whatever fails, the rest is put back: it fails only of one that was killed.
  const bool whole = ::ptrace(PTRACE_SETREGSET, thread, NT_X86_XSTATE, &extended) == 0 &&
                     set_registers(thread, registers_) &&
                     ::ptrace(PTRACE_SETSIGMASK, thread, sizeof mask_, &mask_) == 0;
  if (!whole) return gone(thread);
  for (int signal = 1; signal <= kSignals; ++signal) {
    if ((late_signals_ >> (signal - 1) & 1) != 0) ::syscall(SYS_tkill, thread, signal);
  }
  return {};
}

/// @return its status. @errors kGone: it is being killed, or was.
Result<int> RemoteThread::wait_for_stop() {
  const StopSignal told;
  for (;;) {
    int status = 0;
    const pid_t got = ::waitpid(thread_, &status, __WALL | WNOHANG);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) {
      // The first of a process's threads is not reaped before the others, which are ours too.
      const auto stat = sys::Procfs().stat(thread_);
      if (stat && stat->state != 'Z' && stat->state != 'X') {
        told.wait(std::chrono::milliseconds(5));
        continue;
      }
    }
    if (got <= 0 || !WIFSTOPPED(status)) return gone(std::exchange(thread_, 0));
    return status;
  }
}

/// Over the system call. A signal that is not deferred, sent by somebody meanwhile, is sent again
/// when all is put back.
Status RemoteThread::step_over() {
  for (int stops = 0; stops < kMostStops; ++stops) {
    if (::ptrace(PTRACE_SINGLESTEP, thread_, nullptr, nullptr) != 0) return gone(thread_);
    NINES_ASSIGN(const int status, wait_for_stop());
    const int signal = WSTOPSIG(status);
    const bool event = (status >> 16) != 0;  // a SIGSTOP to the process, obeyed afterwards
    if (!event && signal == SIGTRAP) return {};
    if (!event) late_signals_ |= 1ULL << (signal - 1);
  }
  return Error(ErrorCode::kBusy, "step thread", std::to_string(thread_));
}

Result<std::int64_t> RemoteThread::system_call(long number,
                                               std::array<std::uint64_t, 6> arguments) {
#if defined(__x86_64__)
  user_regs_struct call = registers_;
  call.rax = static_cast<std::uint64_t>(number);
  call.orig_rax = ~0ULL;  // else the kernel would restart what was interrupted
  call.rip = static_cast<std::uint64_t>(instruction_);
  call.rdi = arguments[0];
  call.rsi = arguments[1];
  call.rdx = arguments[2];
  call.r10 = arguments[3];
  call.r8 = arguments[4];
  call.r9 = arguments[5];
  if (!set_registers(thread_, call)) return gone(thread_);
  NINES_TRY(step_over());
  iovec into{&call, sizeof call};
  if (::ptrace(PTRACE_GETREGSET, thread_, NT_PRSTATUS, &into) != 0) return gone(thread_);
  constexpr std::uint64_t kLength = 2;
  if (call.rip != static_cast<std::uint64_t>(instruction_) + kLength) {
    return Error(ErrorCode::kInternal, "system call in thread", std::to_string(thread_))
        .with_detail(fmt::format("it is at {:#x} afterwards", call.rip));
  }
  return static_cast<std::int64_t>(call.rax);
#else
  static_cast<void>(number);
  static_cast<void>(arguments);
  return Error(ErrorCode::kUnsupported, "system call in thread");
#endif
}

Result<std::uint64_t> RemoteThread::checked_call(const std::string& what, long number,
                                                 std::array<std::uint64_t, 6> arguments) {
  NINES_ASSIGN(const std::int64_t result, system_call(number, arguments));
  constexpr std::int64_t kLowestErrno = -4095;
  if (result < 0 && result >= kLowestErrno) {
    return Error::from_errno(static_cast<int>(-result), what,
                             "in thread " + std::to_string(thread_));
  }
  return static_cast<std::uint64_t>(result);
}

Result<RemoteAddress> find_syscall_instruction(pid_t process) {
  NINES_ASSIGN(const std::string maps, sys::read_file(fmt::format("/proc/{}/maps", process)));
  const auto at = maps.find("[vdso]");
  if (at != std::string::npos) {
    const auto line = maps.rfind('\n', at) == std::string::npos ? 0 : maps.rfind('\n', at) + 1;
    const auto mapping =
        parse_mapping(std::string_view(maps).substr(line, maps.find('\n', at) - line));
    if (mapping) {
      const auto size =
          static_cast<std::uint64_t>(mapping->end) - static_cast<std::uint64_t>(mapping->start);
      const std::string code = read_remote(process, mapping->start, size);
      const auto found = code.find("\x0f\x05");
      if (found != std::string::npos) {
        return RemoteAddress{static_cast<std::uint64_t>(mapping->start) + found};
      }
    }
  }
  return Error(ErrorCode::kNotFound, "find a system call instruction", std::to_string(process))
      .with_detail("its vdso has none");
}

}  // namespace nines::trace
