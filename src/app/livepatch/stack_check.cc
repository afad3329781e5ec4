#include "app/livepatch/stack_check.h"

#include <fmt/format.h>

#include "trace/stack.h"

namespace nines::livepatch {
namespace {

const CodeRange* range_of(const std::vector<CodeRange>& ranges, std::uint64_t address) {
  for (const CodeRange& range : ranges) {
    if (address >= range.start && address < range.end) return &range;
  }
  return nullptr;
}

std::optional<std::string> check_thread(trace::LiveView& process, trace::DebugFiles& debug,
                                        const trace::ThreadView& thread,
                                        const std::vector<CodeRange>& ranges) {
  const trace::Stack stack = trace::walk_stack(process, debug, thread);
  for (std::size_t i = 0; i < stack.frames.size(); ++i) {
    const trace::Frame& frame = stack.frames[i];
    // Also the address itself: a call may be a function's last instruction, or its return address
    // a jump's that comes first.
    for (const std::uint64_t address : {frame.pc, frame.inside()}) {
      if (const CodeRange* range = range_of(ranges, address)) {
        return fmt::format("thread {}: {} is on its stack, frame #{} at {:#x}", thread.tid,
                           range->name, i, frame.pc);
      }
    }
    if (frame.trust != trace::Trust::kContext && frame.trust != trace::Trust::kCallFrameInfo) {
      return fmt::format("thread {}: its stack cannot be unwound: frame #{} at {:#x} is a guess",
                         thread.tid, i, frame.pc);
    }
  }
  if (!stack.complete) {
    return fmt::format("thread {}: its stack cannot be unwound: {}", thread.tid, stack.why);
  }
  if (stack.elided != 0) {
    return fmt::format("thread {}: its stack has too many frames to look at", thread.tid);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_blocker(trace::LiveView& process, trace::DebugFiles& debug,
                                        const std::vector<CodeRange>& ranges) {
  for (const trace::ThreadView& thread : process.threads()) {
    if (auto blocker = check_thread(process, debug, thread, ranges)) return blocker;
  }
  return std::nullopt;
}

}  // namespace nines::livepatch
