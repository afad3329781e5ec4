// What of a process is worth keeping when not all of it can be: enough for the same backtrace.
#pragma once

#include "app/crash/page_ranges.h"
#include "app/crash/process_memory.h"
#include "elf/core_head.h"

namespace nines::crash {

/// All stacks that are to be had share this much.
inline constexpr std::uint64_t kAllStacks = std::uint64_t{32} << 20;
inline constexpr std::uint64_t kMostOfAStack = std::uint64_t{256} << 10;
inline constexpr std::uint64_t kLeastOfAStack = std::uint64_t{16} << 10;

/// Stacks from their pointers up, code at the program counters, the vdso, the first page of each
/// mapped file (where its ELF header and build-id are), and what the dynamic linker tells
/// debuggers. Bounded, whatever the process has written into its memory.
/// @source link.h: struct r_debug, struct link_map; elf(5): PT_DYNAMIC, DT_DEBUG
PageRanges essential_memory(const elf::CoreHead& head, const ReadMemory& read);

}  // namespace nines::crash
