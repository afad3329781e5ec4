// What the C and C++ runtimes have left in memory about why they ended the process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trace/core_view.h"
#include "trace/debug_files.h"
#include "trace/stack.h"

namespace nines::crash {

/// @return what glibc said before it aborted: a failed assertion, a heap that is corrupt.
/// @source glibc, include/stdlib.h: __abort_msg
std::optional<std::string> abort_message(trace::CoreView& core, trace::DebugFiles& debug);

struct CxxException {
  std::string type;  ///< demangled
  /// Of those that std::logic_error and std::runtime_error are bases of.
  std::optional<std::string> what;
};

/// The exception for which nobody had a handler. Found by its header, to which something in the
/// frames of the C++ runtime points: the thread's list of exceptions cannot be had of a stripped
/// library.
/// @param functions  the names of the stack's functions, as far as they are known.
/// @source Itanium C++ ABI, section 2.2; libstdc++, unwind-cxx.h
std::optional<CxxException> uncaught_exception(trace::CoreView& core, const trace::Stack& stack,
                                               const std::vector<std::string>& functions);

}  // namespace nines::crash
