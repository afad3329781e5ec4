// Processes that still run files which an update has replaced.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "sys/host_root.h"

namespace nines::updates {

/// What one line of /proc/PID/maps says about a file that is mapped to be executed.
struct ExecutableMapping {
  std::string path;      ///< as the kernel escapes it: a newline is "\012"
  bool deleted = false;  ///< its name is gone, or belongs to another file now
};

/// @return nothing for a line that maps no file executable, or is not of the documented form.
/// @source proc_pid_maps(5)
std::optional<ExecutableMapping> parse_executable_mapping(std::string_view line);

/// Whether a deleted file there was a program or library, and not a just-in-time compiler's scratch
/// file, which never had a name for long.
bool is_installed_path(std::string_view path);

struct StaleProcess {
  pid_t pid = 0;  ///< of a snapshot: good for showing, not for acting on
  std::string command;
  std::string unit;  ///< "nginx.service" by its cgroup, or empty
  std::vector<std::string> files;
};

struct StaleScan {
  std::vector<StaleProcess> stale;
  std::size_t looked_at = 0;
  std::size_t denied = 0;   ///< other users' processes
  std::size_t skipped = 0;  ///< not looked at before the deadline
};

/// Reads the maps of every process. A file that was overwritten in place, not replaced as dpkg
/// does, is not noticed: its mapping shows the new content anyway.
/// @errors kNotFound, kDenied: no /proc.
Result<StaleScan> find_stale_processes(const sys::HostRoot& root,
                                       std::chrono::steady_clock::time_point deadline);

}  // namespace nines::updates
