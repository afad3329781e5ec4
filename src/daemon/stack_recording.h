// The soft stage before a hanging process is killed: where does each of its threads hang?
#pragma once

#include <string>

#include "app/supervise/manager.h"

namespace nines::daemon {

/// Writes DIRECTORY/UNIT.stacks (mode 0600): for each thread its name, state, where it waits in the
/// kernel, its system call, its kernel stack where the kernel shows it; then the user stacks as
/// `helper` (nines-stacks) prints them, or why it could not. The loop never waits for the helper,
/// and `done` is called in any case, within about two seconds.
/// @param helper  absolute path of nines-stacks.
/// @source /proc/PID/task/TID/{comm,status,wchan,syscall,stack}, proc(5)
supervise::StackRecorder make_stack_recorder(sys::EventLoop& loop, std::string directory,
                                             std::string helper);

}  // namespace nines::daemon
