// Which processes execute which files: by what they have mapped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
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

struct FileUser {
  pid_t pid = 0;  ///< of a snapshot: good for showing, not for acting on
  std::string command;
  std::string unit;  ///< "nginx.service" by its cgroup, or empty
  std::vector<std::string> files;
};

struct FileUsers {
  std::vector<FileUser> users;
  std::size_t looked_at = 0;
  std::size_t denied = 0;   ///< other users' processes
  std::size_t skipped = 0;  ///< not looked at before the deadline
};

/// Reads the maps of every process.
/// @param wanted  which of their files count.
/// @errors kNotFound, kDenied: no /proc.
Result<FileUsers> find_file_users(const sys::HostRoot& root,
                                  std::chrono::steady_clock::time_point deadline,
                                  const std::function<bool(const ExecutableMapping&)>& wanted);

}  // namespace nines::updates
