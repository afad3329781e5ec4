// What nines-crash is told to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/crash/core_policy.h"
#include "app/crash/crash_store.h"
#include "app/crash/gone_process.h"
#include "app/crash/pipe_protocol.h"

namespace nines::crash {

struct CrashArguments {
  std::string directory;  ///< of this crash; it is made
  bool in_store = false;
  std::string unit;                 ///< whose process it is, or empty
  std::string watchdog;             ///< what was seen before it was made to crash, since it hung
  std::string log;                  ///< what that unit printed; may be missing
  std::optional<GoneProcess> gone;  ///< nobody announced it: there is no connection
  std::optional<PipeNotice> pipe;   ///< it comes over a pipe, with a handle beside it
  std::string foreign;  ///< of no unit: the directory that says what becomes of such; or empty
  CorePolicy policy;
  StoreLimits limits;
  int progress = -1;  ///< descriptor; see Progress

  std::string store() const { return directory.substr(0, directory.rfind('/')); }
  /// @pre in_store: the store is in it.
  std::string state() const { return store().substr(0, store().rfind('/')); }
  std::string name() const { return directory.substr(directory.rfind('/') + 1); }
};

/// @return nothing for words that are not understood.
std::optional<CrashArguments> parse_crash_arguments(int argc, char** argv);

/// The words of a policy, as parse_crash_arguments() takes them; what is usual is left out.
std::vector<std::string> words_of(const CorePolicy& policy);

inline constexpr const char* kCrashUsage =
    "usage: nines-crash [OPTION...] DIRECTORY 3<CONNECTION\n"
    "Writes what tells of the dying process behind the kernel's connection (see\n"
    "core_pattern in core(5)) into DIRECTORY, an absolute path, which it makes.\n"
    "  --in-store            others like it are beside it; removes the oldest beyond the limits\n"
    "  --unit UNIT           whose process it is\n"
    "  --log FILE            what that unit printed; its last lines are kept\n"
    "  --watchdog TEXT       it was made to crash, since it hung: what was seen of that\n"
    "  --core WISH           auto (with --in-store), none, minimal (without) or full\n"
    "  --core-limit BYTES    no whole core of a process with more memory\n"
    "  --store-max BYTES     for all that are beside it\n"
    "  --successor-waits     its successor starts once it is gone\n"
    "  --successor-serves    its successor has been started\n"
    "  --kill-dump           its successor waits, and no whole core is worth that\n"
    "  --progress FD         tells of stage 1 and of each step after it\n"
    "  --pipe PID DUMPABLE   the core comes over a pipe; descriptor 4 is a handle of the process\n"
    "  --gone PID SIGNAL PROGRAM  it has died already, without a connection; with --in-store\n"
    "  --oom TEXT            the kernel killed it for want of memory: the evidence; repeatable\n"
    "  --core-in DIRECTORY   the kernel wrote its core into a file there\n"
    "  --foreign STATE       of no unit: `nines crash setup` has said there what becomes of it\n";

}  // namespace nines::crash
