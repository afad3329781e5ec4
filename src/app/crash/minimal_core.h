// A core that holds only parts of the memory, and says of the rest that it was there.
#pragma once

#include <functional>
#include <string_view>

#include "app/crash/page_ranges.h"
#include "app/crash/process_memory.h"
#include "base/result.h"
#include "elf/core_head.h"

namespace nines::crash {

using WriteBytes = std::function<Status(std::string_view bytes)>;

/// Writes a core with the notes of `head_bytes` as they are and those of `pages` that can be read.
/// gdb opens it, and finds the memory that is missing in the files it was mapped from.
/// @param head_bytes  what parse_core_head() made `head` of.
/// @return how many bytes of memory it holds.
/// @errors those of `write`; kLimit: more pieces than a core can have.
Result<std::uint64_t> write_minimal_core(std::string_view head_bytes, const elf::CoreHead& head,
                                         const PageRanges& pages, const ReadMemory& read,
                                         const WriteBytes& write);

}  // namespace nines::crash
