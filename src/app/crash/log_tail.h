// What a unit printed last, kept with its crash.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::crash {

/// Copies the last lines of a log, at most 64 KiB of whole ones, to "log.txt" in `directory`, which
/// replaces one that is there.
/// @errors kNotFound: there is no log. kInvalidArgument: no regular file. kNoSpace ...
Status keep_log_tail(const std::string& log, const std::string& directory);

/// @return the last `count` lines that were kept, oldest first; none if there are none.
std::vector<std::string> kept_log_lines(const std::string& directory, std::size_t count);

}  // namespace nines::crash
