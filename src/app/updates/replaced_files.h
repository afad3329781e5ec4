// Processes that still run files which an update has replaced.
#pragma once

#include <chrono>
#include <string_view>

#include "app/updates/process_files.h"
#include "base/result.h"
#include "sys/host_root.h"

namespace nines::updates {

/// Whether a deleted file there was a program or library, and not a just-in-time compiler's scratch
/// file, which never had a name for long.
bool is_installed_path(std::string_view path);

/// A file that was overwritten in place, not replaced as dpkg does, is not noticed: its mapping
/// shows the new content anyway.
/// @errors those of find_file_users().
Result<FileUsers> find_stale_processes(const sys::HostRoot& root,
                                       std::chrono::steady_clock::time_point deadline);

}  // namespace nines::updates
