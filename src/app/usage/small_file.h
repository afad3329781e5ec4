// Files of /proc and /sys, read without an allocation: a round over all units reads thousands.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace nines::usage {

/// More than any of the files that are read this way holds (memory.stat: 1.6 KiB).
using SmallBuffer = std::array<char, 8192>;

/// @return  what one read(2) gives, inside `buffer`.
/// @errors  kGone: the process or cgroup is not there, or ended while it was read. kDenied ...
Result<std::string_view> read_small(const std::string& path, SmallBuffer& buffer);

/// True where a thing simply ended between two looks, or was never there.
bool is_gone(const Error& error);

/// Keeps what a terminal and JSON can show of a name that somebody else chose.
std::string shown(std::string_view text);

}  // namespace nines::usage
