// The caller of a frame for which no table tells it.
#pragma once

#include <optional>

#include "trace/stack.h"

namespace nines::trace {

/// Looks, in this order: at the stack pointer, if the frame is the innermost one; along the frame
/// pointer; up the stack for a word that is the address behind a call.
/// @return nothing if none of it looks like a caller.
std::optional<Frame> guess_caller(const ProcessView& process, const Frame& frame, bool innermost);

}  // namespace nines::trace
