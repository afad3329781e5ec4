// Stage 1 of a crash: what is always kept, within milliseconds, while the process still waits.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "elf/core_head.h"
#include "sys/pidfd.h"

namespace nines::crash {

/// A process that the kernel is writing down.
struct Victim {
  const sys::Pidfd& process;
  pid_t pid;
  bool by_owner;  ///< false: it changed its privileges, and is for root alone
  int stream;     ///< where its core comes from
};

struct Captured {
  std::string head_bytes;  ///< as the kernel wrote them
  elf::CoreHead head;
  std::string program;       ///< the name of the file that it ran; else what it calls itself
  std::uint64_t memory = 0;  ///< bytes of memory that are in the core
};

/// Reads the head of the core, copies the essential memory, and leaves in `directory`: "core",
/// which gdb opens, and "facts.json", what /proc told. Both are there whole, or not at all.
/// Afterwards the rest of the kernel's core is still to come over the stream: read it, or close it
/// and the process ends.
/// @pre    the directory exists, and is for nobody else.
/// @errors kGone: the process was killed meanwhile. kTimeout, kCorrupt: the kernel. kNoSpace, kIo.
Result<Captured> capture(const Victim& victim, const std::string& directory, BootTime deadline);

}  // namespace nines::crash
