// Whether any thread is in, or will return into, code that is about to be replaced.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trace/debug_files.h"
#include "trace/live_view.h"

namespace nines::livepatch {

struct CodeRange {
  std::string name;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

/// By the unwind tables alone: a stack that they do not tell to its end counts as busy.
/// @pre    the process is stopped, and the view has looked at all of its threads.
/// @return who is in the way: thread, function, frame; nothing if nobody is.
std::optional<std::string> find_blocker(trace::LiveView& process, trace::DebugFiles& debug,
                                        const std::vector<CodeRange>& ranges);

}  // namespace nines::livepatch
