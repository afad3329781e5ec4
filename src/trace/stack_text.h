// The stacks of all threads of a process, as text for the operator.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"
#include "trace/snapshot.h"

namespace nines::trace {

/// Unwinds the copy of a process in a child without privileges. For each thread: tid, name, state,
/// where it waits in the kernel, frames. A thread that could not be unwound, because the files it
/// runs are damaged for one, shows its program counter.
std::string render_stacks(Snapshot snapshot);

/// Stops the process shortly, copies what is needed, lets it go on, and renders the copy.
/// @pre   the caller has one thread, and no children but ours.
/// @errors kGone, kDenied: the process could not be looked at.
Result<std::string> stack_text(const ProcessId& process, Nanoseconds stop_within);

}  // namespace nines::trace
