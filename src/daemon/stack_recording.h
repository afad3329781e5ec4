// The soft stage before a hanging process is killed: where does each of its threads hang?
#pragma once

#include <string>

#include "app/supervise/manager.h"

namespace nines::daemon {

/// Writes DIRECTORY/UNIT.stacks: for each thread its name, state, where it waits in the kernel, its
/// system call, and its kernel stack where the kernel shows it.
/// @source /proc/PID/task/TID/{comm,status,wchan,syscall,stack}, proc(5)
supervise::StackRecorder make_stack_recorder(sys::EventLoop& loop, std::string directory);

}  // namespace nines::daemon
