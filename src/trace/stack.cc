#include "trace/stack.h"

#include <deque>

#include "trace/guess.h"

namespace nines::trace {
namespace {

constexpr int kMaxGuesses = 64;

class Walk {
 public:
  Walk(ProcessView& process, DebugFiles& debug) : process_(process), debug_(debug) {}

  Stack from(const ThreadView& thread) && {
    Frame frame;
    frame.pc = thread.pc;
    frame.exact = true;
    frame.registers = thread.registers;
    while (true) {
      frame.module = process_.module_at(frame.inside());
      const auto next = caller(frame);
      keep(frame);
      if (!next) break;
      if (++count_ > kMaxFrames) {
        stack_.why = "it has more frames than are walked";
        break;
      }
      frame = *next;
    }
    for (const Frame& late : tail_) stack_.frames.push_back(late);
    return std::move(stack_);
  }

 private:
  void keep(const Frame& frame) {
    if (stack_.frames.size() < kHeadFrames) {
      stack_.frames.push_back(frame);
      return;
    }
    tail_.push_back(frame);
    if (tail_.size() <= kTailFrames) return;
    tail_.pop_front();
    ++stack_.elided;
  }

  /// @param frame  is told what was found out about it: its address, whether it is the kernel's.
  std::optional<Frame> caller(Frame& frame) {
    const elf::FrameRules* rules =
        frame.module == nullptr ? nullptr : debug_.rules_at(*frame.module, frame.inside());
    if (rules == nullptr && frame.module != nullptr && !frame.exact) {
      // No call comes before it: the address of a function's start was put on the stack, as
      // makecontext(3) does.
      rules = debug_.rules_at(*frame.module, frame.pc);
      frame.exact = rules != nullptr;
    }
    if (rules != nullptr) {
      const auto found =
          elf::caller_of(*rules, frame.registers, process_.memory(), frame.module->bias);
      if (found) return checked(frame, *rules, *found);
    }
    // A signal frame is always known as one: below it is no call.
    auto guessed = ++guesses_ > kMaxGuesses ? std::nullopt
                                            : guess_caller(process_, frame, stack_.frames.empty());
    if (!guessed) {
      stack_.why = rules != nullptr ? "the stack cannot be read"
                                    : "no unwind table tells of its outermost frame's caller";
    }
    return guessed;
  }

  std::optional<Frame> checked(Frame& frame, const elf::FrameRules& rules,
                               const elf::CallerFrame& found) {
    frame.cfa = found.cfa;
    frame.signal = rules.signal;
    if (!found.pc || *found.pc == 0) {
      stack_.complete = true;
      return std::nullopt;
    }
    // Each caller's frame lies above; only a signal handler may have a stack elsewhere.
    const bool onwards = rules.signal || found.cfa > last_cfa_ || last_was_signal_;
    last_was_signal_ = rules.signal;
    last_cfa_ = found.cfa;
    if (!onwards) {
      stack_.why = "its frames do not go upwards: the stack is damaged";
      return std::nullopt;
    }
    if (!process_.is_code(*found.pc) && !rules.signal) {
      stack_.why = "a return address is no code: the stack is damaged";
      return std::nullopt;
    }
    Frame next;
    next.pc = *found.pc;
    next.trust = Trust::kCallFrameInfo;
    next.exact = rules.signal;
    next.registers = found.registers;
    return next;
  }

  ProcessView& process_;
  DebugFiles& debug_;
  Stack stack_;
  std::deque<Frame> tail_;
  std::uint64_t count_ = 0;
  std::uint64_t last_cfa_ = 0;
  bool last_was_signal_ = false;
  int guesses_ = 0;
};

}  // namespace

Stack walk_stack(ProcessView& process, DebugFiles& debug, const ThreadView& thread) {
  return Walk(process, debug).from(thread);
}

}  // namespace nines::trace
