// The frames of one thread, and how much each of them is to be trusted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trace/debug_files.h"
#include "trace/process_view.h"

namespace nines::trace {

/// How a frame was found. All but the first two are guesses.
enum class Trust : std::uint8_t {
  kContext,        ///< the thread's own registers
  kCallFrameInfo,  ///< the compiler's tables
  kCalled,         ///< what a call left at the stack pointer, where the pc is no code
  kFramePointer,   ///< the chain of saved frame pointers
  kScan,           ///< a word on the stack that may be a return address
};

struct Frame {
  std::uint64_t pc = 0;
  std::uint64_t cfa = 0;  ///< 0: not known
  Trust trust = Trust::kContext;
  bool signal = false;  ///< put there by the kernel to call a signal handler
  bool exact = false;   ///< pc is where it stopped, not where it will return to
  ModuleView* module = nullptr;
  elf::RegisterSet registers;

  /// An address inside the instruction that is being executed.
  std::uint64_t inside() const { return exact ? pc : pc - 1; }
};

struct Stack {
  std::vector<Frame> frames;  ///< innermost first
  /// Frames that were walked over and not kept, between the first kHeadFrames and the rest.
  std::uint64_t elided = 0;
  bool complete = false;  ///< the outermost frame is a thread's first
  std::string why;        ///< it is not
};

inline constexpr std::size_t kHeadFrames = 128;
inline constexpr std::size_t kTailFrames = 64;
inline constexpr std::uint64_t kMaxFrames = 2'000'000;

/// Never fails: where the tables end it guesses, and where guessing ends the stack does. Takes
/// longest for a stack that has overflowed: about a microsecond a frame.
Stack walk_stack(ProcessView& process, DebugFiles& debug, const ThreadView& thread);

}  // namespace nines::trace
