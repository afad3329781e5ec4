// Where this program, and those that were installed with it, lie.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace nines::sys {

/// The path of a file in /proc without the mark that it was removed or replaced since.
/// @source proc_pid_exe(5)
std::string without_deleted_mark(std::string path);

/// The path of this program: after an upgrade it leads to the new one, where /proc/self/exe leads
/// to the old. @errors as of readlink(2).
Result<std::string> own_program();

/// @return the path of another of our programs, which lie in one directory.
std::string beside(const std::string& program, std::string_view name);

}  // namespace nines::sys
