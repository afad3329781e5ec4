// The ELF files that a process has mapped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trace/snapshot.h"

namespace nines::trace {

/// Reads the other process's memory. @return what could be read from `address` on; may be short.
std::string read_remote(pid_t process, RemoteAddress address, std::size_t most);

/// One line of /proc/PID/maps.
struct Mapping {
  RemoteAddress start{};
  RemoteAddress end{};
  bool executable = false;
  std::uint64_t offset = 0;
  std::uint64_t inode = 0;
  std::string path;
};

/// @return nothing if it is not of the documented form. @source proc_pid_maps(5)
std::optional<Mapping> parse_mapping(std::string_view line);

/// The very file that is mapped, also when its name is gone or means another one by now.
/// @return invalid: it cannot be opened, or is no regular file.
UniqueFd open_mapped(pid_t process, const Mapping& mapping);

/// Opens every file that is mapped executable and copies the vdso; bounded in number.
/// @errors those of reading /proc/PID/maps.
Result<std::vector<Module>> open_modules(pid_t process);

}  // namespace nines::trace
