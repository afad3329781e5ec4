// The core as the kernel writes it, as it comes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "elf/core_head.h"

namespace nines::crash {

struct CoreStart {
  std::string bytes;  ///< as the kernel wrote them
  elf::CoreHead head;
};

/// @errors kGone: it ends before. kTimeout, kCorrupt: the kernel.
Result<CoreStart> read_core_start(int stream, BootTime deadline);

/// Writes `start`, then what still comes until the end, to `out`; no more than `most` bytes in all.
/// Whole pages of zeros become holes where `out` can be sought in.
/// @errors kTimeout; those of write(2), with their errno.
Status copy_core(int stream, std::string_view start, int out, std::uint64_t most,
                 BootTime deadline);

}  // namespace nines::crash
