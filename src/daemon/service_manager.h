// The service manager that started us (systemd): what we tell it, and which process it watches.
//
// It watches one process, the keeper that it executed. When that one is killed it believes the
// service to be dead, whatever goes on in the cgroup, takes no MAINPID= any more, and executes
// ninesd anew after RestartSec=. That newcomer finds the directories in use, by the keeper that the
// worker has started meanwhile; in the newcomer's mouth MAINPID= is believed. So it tells systemd
// of that keeper and ends: units, keeper and worker go on, and systemd watches the right process.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace nines::daemon {

/// Whether somebody listens to what we say: NOTIFY_SOCKET is set.
bool has_service_manager();

/// Sends lines of "NAME=value". Does not wait for room in the socket.
/// @errors kNotFound: nobody listens. kBusy: it has not read what it was told before. kGone.
/// @source sd_notify(3)
Status tell_service_manager(std::string_view lines);

/// Returns when the service manager has dealt with all that this process has told it.
/// @errors kTimeout. @source sd_notify_barrier(3), systemd 246
Status wait_for_service_manager();

/// What to do about a directory that another instance has locked.
enum class Holder : std::uint8_t {
  kOfOurService,  ///< the keeper of the very service that we were started as
  kForeign,       ///< somebody else's
  kUnclear,       ///< gone, or about to be taken over: look again in a moment
};

/// @param holder  pid that the lock file names.
/// @param keeper  our own keeper, which the service manager has executed.
Holder classify_holder(pid_t holder, pid_t keeper);

/// Waits until the holder of the lock file is the keeper of our service, and makes it the process
/// that the service manager watches. Then we are to end.
/// @errors kBusy: it is not of our service, or the lock is held but no keeper was seen in time.
///         kGone: nobody holds the lock any more.
Status leave_service_to_holder(const std::string& lock_path, pid_t keeper);

}  // namespace nines::daemon
