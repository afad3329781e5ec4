// Stage 1 of a crash: what is always kept, within milliseconds, while the process still waits.
#pragma once

#include <string>

#include "app/crash/core_connection.h"
#include "base/result.h"
#include "elf/core_head.h"

namespace nines::crash {

struct Captured {
  std::string head_bytes;  ///< as the kernel wrote them
  elf::CoreHead head;
  std::uint64_t memory = 0;  ///< bytes of memory that are in the core
  Nanoseconds took{0};       ///< from the kernel's offer on
};

/// Takes the head of the core from the kernel, copies the essential memory, and leaves in
/// `directory`: "core", which gdb opens, and "facts.json", what /proc told. Both are there whole,
/// or not at all. Afterwards the rest of the kernel's core is still to come over the connection:
/// read it, or close it and the process ends.
/// @pre    the directory exists, and is for nobody else.
/// @errors kGone: the process was killed meanwhile. kTimeout, kCorrupt: the kernel. kNoSpace, kIo.
Result<Captured> capture(CoreConnection* connection, const std::string& directory,
                         Nanoseconds patience);

}  // namespace nines::crash
