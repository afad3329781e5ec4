// Cores that the kernel wrote into a file by itself, since its core_pattern leads to nobody: as in
// a container, where the pattern is the host's.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::crash {

/// Whether the kernel writes files by this core_pattern. @source core(5)
bool is_file_pattern(std::string_view pattern);

/// Where the files are.
/// @param root       of the process; empty: ours.
/// @param directory  it works in; absolute.
/// @return empty: not to be told, since the kernel fills something into the directory's name.
std::string core_directory(std::string_view pattern, std::string_view root,
                           std::string_view directory);

/// Whether a file of this name may come from the pattern.
/// @pre is_file_pattern()
bool is_named_by(std::string_view pattern, std::string_view name);

struct CoreFile {
  std::string path;
  UniqueFd file;  ///< at its beginning
};

/// The newest core of this process in `directory`. What else may be there is anybody's: only a
/// regular file counts, and only one whose head tells of the process.
/// @param pattern  that it was named by.
/// @errors kNotFound: with what was looked at. Those of reading a directory.
Result<CoreFile> find_core_file(const std::string& directory, std::string_view pattern, pid_t pid);

/// Opens one that was found before. @errors kGone: it is another process's by now; else as
/// sys::open_file().
Result<UniqueFd> open_core_file(const std::string& path, pid_t pid);

}  // namespace nines::crash
