// One daemon for each directory.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::daemon {

/// Takes the lock file `path` for as long as the descriptor, or a duplicate of it, is open: with a
/// duplicate in the keeper the lock outlives a worker.
/// Waits up to half a second for a holder that is just ending.
/// @param owner  written into the file, for whoever is refused.
/// @errors kBusy: the detail names the process that holds it. kDenied, kNoSpace ...
/// @source flock(2)
Result<UniqueFd> take_instance_lock(const std::string& path, pid_t owner);

/// Whether anybody holds the lock at this moment.
bool is_locked(const std::string& path);

/// Writes another owner into a lock that is held already: the keeper may have been replaced.
Status name_lock_owner(int lock, pid_t owner);

}  // namespace nines::daemon
