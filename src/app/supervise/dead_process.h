// What is known of a main process that died, for whoever finds out why.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/clock.h"

namespace nines::supervise {

struct DeadProcess {
  pid_t pid = 0;
  int signal = 0;                ///< that ended it
  bool dumped = false;           ///< the kernel says that a core was written
  std::string program;           ///< path, as its unit names it
  std::string directory;         ///< WorkingDirectory=: where a core may be
  std::string root;              ///< RootDirectory=, or empty
  std::vector<std::string> oom;  ///< the kernel killed it for want of memory: the evidence
  BootTime when;
};

}  // namespace nines::supervise
