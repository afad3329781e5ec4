// What really went wrong in the thread that crashed, and in which of its frames.
#pragma once

#include <cstddef>
#include <optional>

#include "elf/core_head.h"
#include "elf/instruction.h"
#include "trace/core_view.h"
#include "trace/stack.h"

namespace nines::crash {

struct Fault {
  elf::CoreSignal signal;
  std::size_t frame = 0;  ///< index in the stack
  /// A handler had got it, and died of another one that it raised itself.
  bool raised_again = false;
  /// The instruction at the frame's pc, where it can be read and decoded.
  std::optional<elf::Instruction> instruction;

  bool is_from_outside(std::int32_t pid) const {
    return signal.code <= 0 && signal.sender_pid && *signal.sender_pid != pid;
  }
};

/// Looks behind handlers that print something and die: of a signal that the process sent itself
/// from a handler for a fault, the fault is what counts.
/// @pre stack.frames is not empty.
/// @source arch/x86/include/asm/sigframe.h: struct rt_sigframe
Fault find_fault(const trace::CoreView& core, const trace::Stack& stack);

}  // namespace nines::crash
