// Does a process hold a connection that came in through one of these listeners?
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "sys/host_root.h"

namespace nines::supervise {

/// @return true if any socket of the process is a connection whose local address is that of one
///         of `listeners`, or if that cannot be told (then it is safer to assume so).
/// @source /proc/PID/net/{tcp,tcp6,unix}, proc(5)
bool has_accepted_connection(pid_t pid, const std::vector<std::pair<std::string, int>>& listeners);

}  // namespace nines::supervise
