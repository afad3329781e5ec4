// Where hostile bytes are parsed: no privileges, little memory, hardly any system calls.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace nines::trace {

struct SandboxLimits {
  unsigned cpu_seconds = 2;
  std::uint64_t address_space = std::uint64_t{1} << 30;  ///< bytes; files that are mapped count
  /// Over sockets that are open already: sendmsg(2) and recvmsg(2), see trace/file_server.h.
  bool receives_files = false;
};

/// Takes from the calling process, for good, all it needs not to turn open descriptors into text:
/// the user (nobody, where it may be changed), new privileges, memory and processor time, and every
/// system call but reading, mapping, writing and exiting.
/// @pre the process has one thread, and is about to do nothing else until it ends.
/// @errors the step that failed; the caller must then end without looking at the bytes.
/// @source setresuid(2), prctl(2) PR_SET_NO_NEW_PRIVS, setrlimit(2), seccomp(2)
Status enter_sandbox(const SandboxLimits& limits = {});

}  // namespace nines::trace
