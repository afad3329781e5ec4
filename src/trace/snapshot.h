// What is copied out of a process while it stands still: enough to unwind later without it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

namespace nines::trace {

/// An address in the other process; never one of ours.
enum class RemoteAddress : std::uint64_t {};

/// Registers by their DWARF numbers: x86-64 psABI figure 3.36 (0..16, 16 is the return address);
/// AArch64 DWARF ABI section 4.1 (x0..x30, 31 is sp).
struct Registers {
#if defined(__x86_64__)
  std::array<std::uint64_t, 17> dwarf{};
#elif defined(__aarch64__)
  std::array<std::uint64_t, 32> dwarf{};
#else
#error "Registers needs the DWARF register numbers of this architecture"
#endif
  RemoteAddress pc{};
  RemoteAddress sp{};
};

struct ThreadSnapshot {
  pid_t tid = 0;
  std::string comm;
  char state = '?';                    ///< before it was stopped for the look
  std::string wchan;                   ///< where it waited in the kernel, likewise
  std::optional<Registers> registers;  ///< none: it did not stop in time
  std::string stack;                   ///< bytes from sp upwards
};

/// One ELF file of the process, or the vdso.
struct Module {
  std::string name;       ///< last part of its path, "[vdso]"
  RemoteAddress start{};  ///< where its first page is mapped
  RemoteAddress end{};
  UniqueFd file;      ///< read-only, a regular file; invalid if it could not be opened
  std::string image;  ///< the bytes, of what has no file
};

struct Snapshot {
  pid_t pid = 0;
  std::vector<ThreadSnapshot> threads;
  std::vector<Module> modules;  ///< ascending

  /// @return "libfoo.so+0x12", or the bare number where nothing is mapped.
  std::string describe(RemoteAddress address) const;
};

/// @pre    stopped by the calling thread.
/// @return nothing if it is gone or runs code of another word size.
std::optional<Registers> read_registers(pid_t thread);

/// Stops the process, copies, and lets it go on as it was.
/// @errors those of Attachment::attach().
/// @source ptrace(2) PTRACE_GETREGSET; process_vm_readv(2); proc_pid_maps(5)
Result<Snapshot> take_snapshot(const ProcessId& process, Nanoseconds stop_within);

}  // namespace nines::trace
