// Whole small files: read, write, replace atomically.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

namespace nines::sys {

/// Reads a whole file, also one of /proc or /sys whose size is reported as 0.
/// @param limit  a longer file is an error: kLimit.
Result<std::string> read_file(const std::string& path, Bytes limit = Bytes{16 << 20});

/// Writes all of it to a descriptor that blocks. @param what  for the error: a path, or what it is.
/// @errors those of write(2): a part may be written.
Status write_all(int fd, std::string_view bytes, const std::string& what);
/// Writes to an existing file of /proc or /sys in one write(2). @errors kDenied, kIo ...
Status write_existing(const std::string& path, std::string_view text);

enum class Durability { kProcessCrash, kPowerLoss };

/// Replaces `path` atomically: a reader, also after kill -9, sees the old or the new content whole.
/// @param durability  kPowerLoss also fsyncs file and directory.
/// @errors kNoSpace, kDenied ...; the old file is then untouched.
Status replace_file(const std::string& path, std::string_view text, mode_t mode,
                    Durability durability = Durability::kProcessCrash);

/// mkdir -p. Existing directories are left as they are.
Status make_directories(const std::string& path, mode_t mode);

/// Names in a directory without "." and "..", sorted.
Result<std::vector<std::string>> list_directory(const std::string& path);

bool exists(const std::string& path);

/// open(2) with O_CLOEXEC added.
Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0);

}  // namespace nines::sys
