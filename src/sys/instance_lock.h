// One daemon, or one repair, for each directory.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::sys {

/// Takes the lock file `path` for as long as the descriptor, or a duplicate of it, is open: with a
/// duplicate in the keeper the lock outlives a worker.
/// Waits up to half a second for a holder that is just ending.
/// @param owner  written into the file, for whoever is refused; with what it does, if that is no
///               daemon's usual work.
/// @errors kBusy: the detail names the process that holds it. kDenied, kNoSpace ...
/// @source flock(2)
Result<UniqueFd> take_instance_lock(const std::string& path, pid_t owner,
                                    std::string_view doing = {});

/// Whether anybody holds the lock at this moment.
bool is_locked(const std::string& path);

/// Writes another owner into a lock that is held already: the keeper may have been replaced.
Status name_lock_owner(int lock, pid_t owner, std::string_view doing = {});

}  // namespace nines::sys
