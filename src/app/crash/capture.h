// Stage 1 of a crash: what is always kept, within milliseconds, while the process still waits.
#pragma once

#include <cstdint>
#include <string>

#include "app/crash/core_stream.h"
#include "base/result.h"
#include "base/types.h"
#include "sys/pidfd.h"

namespace nines::crash {

/// A process that the kernel is writing down.
struct Victim {
  const sys::Pidfd& process;
  pid_t pid;
  bool by_owner;  ///< false: it changed its privileges, and is for root alone
  int stream;     ///< where its core comes from
};

enum class KeepMemory : std::uint8_t { kNone, kEssential };

/// Copies the essential memory, and leaves in `directory`: "core", which gdb opens (not with
/// KeepMemory::kNone), and "facts.json", what /proc told. Afterwards the rest of the kernel's core
/// is still to come over the stream: read it, or close it and the process ends.
/// @pre    the directory exists, and is for nobody else; after a failure it is the caller's to
/// remove.
/// @param start  what read_core_start() read from the stream.
/// @return bytes of memory that are in the core.
/// @errors kGone: the process was killed meanwhile. kNoSpace, kIo.
Result<Bytes> capture(const Victim& victim, const CoreStart& start, const std::string& directory,
                      KeepMemory memory);

}  // namespace nines::crash
