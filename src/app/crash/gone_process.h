// A process that died without anybody having been told: what is left to look at is what the kernel
// wrote down somewhere.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::crash {

struct CrashArguments;
struct Outcome;

struct GoneProcess {
  pid_t pid = 0;
  int signal = 0;
  std::string program;           ///< path or name
  std::vector<std::string> oom;  ///< the kernel killed it for want of memory: the evidence
  std::string directory;         ///< otherwise: in which the kernel wrote a core file
};

/// The words of it, as parse_crash_arguments() takes them.
std::vector<std::string> words_of(const GoneProcess& gone);

/// Keeps that it died, with its diagnosis: of the file that the kernel wrote, which stays where it
/// is; or, if it was killed for want of memory, of what its cgroup counts.
/// @pre  `arguments.gone`
/// @errors kNotFound: there is no such core. kNoSpace, kDenied ...
Status keep_gone(const CrashArguments& arguments, Outcome* outcome);

}  // namespace nines::crash
