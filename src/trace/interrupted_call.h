// System calls that a stop interrupts.
#pragma once

#include <sys/types.h>

namespace nines::trace {

/// Most are restarted by the kernel when no signal is delivered after all. Those that it lets fail
/// with EINTR all the same are set up to be made again: with their timeout from the beginning.
/// Nothing is done where a signal is waiting to be delivered: then EINTR is the signal's.
/// @pre    the thread is stopped by PTRACE_INTERRUPT, and its tracer calls.
/// @source signal(7), "Interruption of system calls"; Linux 6.18, fs/eventpoll.c, net/core/sock.h
void restart_interrupted_call(pid_t thread);

}  // namespace nines::trace
