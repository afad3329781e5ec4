// The head of a core: what the kernel writes before the memory itself. All registers, the signal,
// what was mapped from which file. It comes first, so that a crash is known long before its core is
// complete.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace nines::elf {

/// Of the machine that a core was written on.
enum class Machine : std::uint8_t { kX86_64, kAArch64 };

/// One thread, as NT_PRSTATUS tells. The first one of a core is the one that crashed.
struct CoreThread {
  std::int32_t tid = 0;
  /// By their DWARF numbers: x86-64 psABI figure 3.36 (0..16, 16 is the return address), AArch64
  /// DWARF ABI section 4.1 (x0..x30, 31 is sp).
  std::vector<std::uint64_t> dwarf_registers;
  std::uint64_t pc = 0;
  std::uint64_t sp = 0;
};

/// What the crashing thread got. @source sigaction(2), siginfo_t
struct CoreSignal {
  std::int32_t number = 0;
  std::int32_t code = 0;
  /// Faults (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP; code > 0): where.
  std::optional<std::uint64_t> address;
  /// Sent by kill(2) and the like (code <= 0): by whom.
  std::optional<std::int32_t> sender_pid;
  std::optional<std::uint32_t> sender_uid;
  std::optional<std::int32_t> system_call;  ///< SIGSYS: which one was forbidden
};

/// A part of the memory that the core holds, or leaves out (`file_size` 0).
struct CoreSegment {
  std::uint64_t address = 0;
  std::uint64_t memory_size = 0;
  std::uint64_t offset = 0;  ///< in the core
  std::uint64_t file_size = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
};

struct MappedFile {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  ///< in the file, in bytes
  std::string path;
};

struct CoreHead {
  Machine machine = Machine::kX86_64;
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string name;       ///< 15 bytes of the program's name
  std::string arguments;  ///< the first 79 bytes of its command line
  CoreSignal signal;
  std::vector<CoreThread> threads;
  std::vector<CoreSegment> segments;  ///< ascending by address
  std::vector<MappedFile> files;      ///< ascending by start
  std::vector<std::pair<std::uint64_t, std::uint64_t>> auxv;

  std::optional<std::uint64_t> aux(std::uint64_t type) const;
  const MappedFile* file_at(std::uint64_t address) const;
  const CoreSegment* segment_at(std::uint64_t address) const;
};

/// What has to be read of a core to know the size of its head.
inline constexpr std::size_t kCoreStart = 64 + 56;
/// No head is larger: a process may have a million threads and mappings, and lie about more.
inline constexpr std::size_t kMaxCoreHead = std::size_t{256} << 20;

/// @param start  the first kCoreStart bytes of a core.
/// @return the size of its head.
/// @errors kCorrupt: no core of 64 bits. kUnsupported: of another byte order, or not written by
///         Linux (which puts the notes first). kLimit: larger than kMaxCoreHead.
/// @source fs/binfmt_elf.c, elf_core_dump(); elf(5)
Result<std::size_t> core_head_size(std::string_view start);

/// @param head  as many bytes as core_head_size() says, or more.
/// @errors kCorrupt: names what is wrong; kUnsupported: of a machine that we do not know.
Result<CoreHead> parse_core_head(std::string_view head);

}  // namespace nines::elf
