// Lines of /proc/PID/mountinfo. Whoever may mount chooses the names in them, in a user namespace
// that is anybody.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nines::sys {

struct Mount {
  int id = 0;          ///< as "mnt_id" of /proc/PID/fdinfo/FD
  std::string device;  ///< "MAJOR:MINOR": the same for each mount of a file system
  std::string root;    ///< which directory of the file system is seen at the mount point
  std::string point;   ///< as seen from the root directory of the process
  std::string type;
  std::vector<std::string> options;  ///< of the file system; names the controllers of a v1 cgroup
};

/// Reads one line: ID PARENT DEV ROOT POINT OPTIONS [TAG...] - TYPE SOURCE FS-OPTIONS
/// @return empty: not the documented form.
/// @source proc_pid_mountinfo(5)
std::optional<Mount> parse_mount(std::string_view line);

}  // namespace nines::sys
