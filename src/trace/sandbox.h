// Where hostile bytes are parsed: no privileges, little memory, hardly any system calls.
#pragma once

#include "base/result.h"

namespace nines::trace {

/// Takes from the calling process, for good, all it needs not to turn open descriptors into text:
/// the user (nobody, where it may be changed), new privileges, memory and processor time, and every
/// system call but reading, mapping, writing and exiting.
/// @pre the process has one thread, and is about to do nothing else until it ends.
/// @errors the step that failed; the caller must then end without looking at the bytes.
/// @source setresuid(2), prctl(2) PR_SET_NO_NEW_PRIVS, setrlimit(2), seccomp(2)
Status enter_sandbox();

}  // namespace nines::trace
