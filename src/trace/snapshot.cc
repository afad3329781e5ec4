#include "trace/snapshot.h"

#include <fmt/format.h>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <algorithm>
#include <map>

#include "sys/file.h"
#include "sys/procfs.h"
#include "trace/attachment.h"
#include "trace/modules.h"

namespace nines::trace {
namespace {

constexpr std::size_t kMaxStackBytes = 64 << 10;

std::string one_line(const std::string& path) {
  auto text = sys::read_file(path);
  if (!text) return "?";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

ThreadSnapshot facts_of(pid_t process, pid_t thread) {
  const std::string base = fmt::format("/proc/{}/task/{}/", process, thread);
  ThreadSnapshot result;
  result.tid = thread;
  result.comm = one_line(base + "comm");
  result.wchan = one_line(base + "wchan");
  if (const auto stat = sys::Procfs().stat(thread)) result.state = stat->state;
  return result;
}

/// Before the stop: afterwards each thread only waits for its tracer.
std::map<pid_t, ThreadSnapshot> facts_before_stop(pid_t process) {
  std::map<pid_t, ThreadSnapshot> result;
  const auto threads = sys::Procfs().threads(process);
  if (!threads) return result;
  for (const pid_t thread : *threads) result.emplace(thread, facts_of(process, thread));
  return result;
}

}  // namespace

std::optional<Registers> read_registers(pid_t thread) {
  user_regs_struct raw{};
  iovec target{&raw, sizeof raw};
  if (::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &target) != 0) return std::nullopt;
  // A thread of another word size fills less.
  if (target.iov_len != sizeof raw) return std::nullopt;
  Registers result;
#if defined(__x86_64__)
  result.dwarf = {raw.rax, raw.rdx, raw.rcx, raw.rbx, raw.rsi, raw.rdi, raw.rbp, raw.rsp, raw.r8,
                  raw.r9,  raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15, raw.rip};
  result.pc = RemoteAddress{raw.rip};
  result.sp = RemoteAddress{raw.rsp};
#elif defined(__aarch64__)
  std::copy_n(raw.regs, 31, result.dwarf.begin());
  result.dwarf[31] = raw.sp;
  result.pc = RemoteAddress{raw.pc};
  result.sp = RemoteAddress{raw.sp};
#endif
  return result;
}

std::string read_remote(pid_t process, RemoteAddress address, std::size_t most) {
  constexpr std::size_t kPage = 4096;
  std::string bytes(most, '\0');
  const auto start = static_cast<std::uint64_t>(address);
  std::vector<iovec> remote;
  // One part a page: the kernel copies whole parts only, and the stack may end in between.
  for (std::size_t done = 0; done < most;) {
    const std::size_t part = std::min(most - done, kPage - (start + done) % kPage);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process
    remote.push_back({reinterpret_cast<void*>(start + done), part});
    done += part;
  }
  iovec local{bytes.data(), bytes.size()};
  const ssize_t n = ::process_vm_readv(process, &local, 1, remote.data(), remote.size(), 0);
  bytes.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return bytes;
}

std::string Snapshot::describe(RemoteAddress address) const {
  for (const Module& module : modules) {
    if (address < module.start || address >= module.end) continue;
    return fmt::format(
        "{}+{:#x}", module.name,
        static_cast<std::uint64_t>(address) - static_cast<std::uint64_t>(module.start));
  }
  return fmt::format("{:#x}", static_cast<std::uint64_t>(address));
}

Result<Snapshot> take_snapshot(const ProcessId& process, Nanoseconds stop_within) {
  auto facts = facts_before_stop(process.pid);
  NINES_ASSIGN(const auto attachment, Attachment::attach(process, boot_now() + stop_within));
  Snapshot snapshot;
  snapshot.pid = process.pid;
  for (const pid_t tid : attachment.threads()) {
    const auto known = facts.find(tid);
    ThreadSnapshot thread =
        known != facts.end() ? std::move(known->second) : facts_of(process.pid, tid);
    if (attachment.stopped(tid)) thread.registers = read_registers(tid);
    if (thread.registers) {
      thread.stack = read_remote(process.pid, thread.registers->sp, kMaxStackBytes);
    }
    snapshot.threads.push_back(std::move(thread));
  }
  NINES_ASSIGN(snapshot.modules, open_modules(process.pid));
  return snapshot;
}

}  // namespace nines::trace
