// What is told of a crashed process besides its memory.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "elf/core_head.h"

namespace nines::crash {

/// As JSON: signal, threads, mapped files, and of /proc command line, environment, executable,
/// directory, descriptors, cgroup and limits. What cannot be read is left out. Values in the
/// environment whose names look like secrets are replaced by "(redacted)".
/// @param by_owner  whether its owner may see it; it is written down for whoever hands it out.
std::string facts_of(const elf::CoreHead& head, pid_t pid, bool by_owner);

/// The file that a process runs, without its path. @errors those of Procfs::executable().
Result<std::string> program_of(pid_t pid);

/// Whether a variable's value is to be kept out of files: its name says password, secret, token,
/// key, credential or the like.
bool names_a_secret(std::string_view name);

}  // namespace nines::crash
