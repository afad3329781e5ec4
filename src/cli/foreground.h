// Another program in our place: with the terminal, and to its end.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sys/pidfd.h"

namespace nines::cli {

struct ForegroundProgram {
  std::string path;  ///< absolute
  std::vector<std::string> arguments;
  int stdin_fd = 0, stdout_fd = 1, stderr_fd = 2;
  std::vector<int> pass_fds;  ///< become 3, 4 ... in it
};

/// Runs it with our environment and directory, and waits. Ctrl-C is its own meanwhile.
/// @errors those of sys::spawn().
Result<sys::ExitStatus> run_in_foreground(const ForegroundProgram& run);

}  // namespace nines::cli
