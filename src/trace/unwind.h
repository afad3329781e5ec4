// From a snapshot to frames with names. Parses hostile bytes: only inside the sandbox.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "trace/snapshot.h"

namespace nines::trace {

/// Calls `report` for each thread with its frames, innermost first, one line each:
/// "  #0  0x00007f... function+0x12 (libfoo.so)". A thread that cannot be unwound has none.
/// @param snapshot  its files are taken away from it.
/// @errors kUnsupported: no module that the library understands.
/// @source libdwfl.h of elfutils
Status unwind(Snapshot& snapshot,
              const std::function<void(std::size_t index, const std::string& frames)>& report);

}  // namespace nines::trace
