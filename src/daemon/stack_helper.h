// Runs nines-stacks beside the loop.
#pragma once

#include <functional>
#include <string>

#include "base/types.h"
#include "sys/event_loop.h"

namespace nines::daemon {

/// Starts `helper` on `process` and calls `done` from the loop exactly once, with what it printed
/// or a line that says why there is nothing. It is killed after two seconds.
void run_stack_helper(sys::EventLoop& loop, const std::string& helper, const ProcessId& process,
                      std::function<void(const std::string& text)> done);

}  // namespace nines::daemon
