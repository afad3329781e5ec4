// Debug files from where DEBUGINFOD_URLS says, as gdb and elfutils take them.
#pragma once

#include <string>
#include <vector>

#include "app/crash/diagnosis.h"
#include "base/clock.h"
#include "base/unique_fd.h"

namespace nines::crash {

struct Fetched {
  std::vector<UniqueFd> files;
  std::vector<std::string> notes;  ///< a sentence each, for the diagnosis
};

/// @return whether the environment names a server.
bool debuginfod_configured();

/// What of our environment says how it is asked. @return "NAME=value"
std::vector<std::string> debuginfod_environment();

/// Asks for what the diagnosis's stacks lack: debug files of modules without lines, and executables
/// that are not on this machine. debuginfod-find does it, into the cache that it shares with gdb.
/// What it brings is a stranger's: for diagnose_safely().
Fetched fetch_missing(const Diagnosis& diagnosis, Nanoseconds within);

}  // namespace nines::crash
