// A core as a file, with the rights of the process that it is of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "app/crash/capture.h"
#include "base/result.h"

namespace nines::crash {

/// Writes the core to `file`, which is relative to the process's directory or absolute in its root,
/// in a child that has its user and groups: what it could not write itself, it cannot have written
/// for it.
/// @pre    this process has one thread.
/// @errors kDenied: it may not, or there is a file of somebody else. kNoSpace, kIo, kTimeout.
/// @source fs/coredump.c: coredump_file()
Status write_former_file(const std::string& file, const Victim& victim, std::string_view start,
                         std::uint64_t most, BootTime deadline);

}  // namespace nines::crash
