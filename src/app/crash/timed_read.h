// Reading from a descriptor that may say nothing for long.
#pragma once

#include <cstddef>

#include "base/clock.h"
#include "base/result.h"

namespace nines::crash {

/// Reads what is there, and waits for that until the deadline: also where the descriptor blocks.
/// @return 0 at the end, which the death of the other side is, too.
/// @errors kTimeout; those of read(2).
Result<std::size_t> read_some(int fd, void* into, std::size_t size, BootTime deadline);

/// Reads exactly so much. @errors kGone: it ends before; else as read_some().
Status read_exactly(int fd, void* into, std::size_t size, BootTime deadline);

}  // namespace nines::crash
