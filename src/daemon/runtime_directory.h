// The directory of sockets and state.
#pragma once

#include <string>

#include "base/result.h"

namespace nines::daemon {

/// Makes it, where it is missing.
/// @errors kDenied: an ordinary user's, but somebody else can write to it.
Status prepare_runtime_directory(const std::string& path, bool user_mode);

/// Whether what is written there stays in memory. On a disk replacing a file by rename(2) may wait
/// for the file's blocks to be written. @source ext4(5), auto_da_alloc
bool is_in_memory(const std::string& path);

/// With all that is in it; links are removed, not followed. What cannot be removed stays.
void remove_runtime_directory(const std::string& path);

}  // namespace nines::daemon
