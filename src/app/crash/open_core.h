// Any core as a plain file: also one that is packed.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::crash {

/// Opens a core. One in zstd's format (ours, or systemd-coredump's) is unpacked into a file without
/// a name in TMPDIR, or /var/tmp, which is gone with the last descriptor of it.
/// @return a descriptor to read from, at its beginning.
/// @errors kUnsupported: packed in another way. kCorrupt: a packed one is cut off, or damaged.
///         kNoSpace: it leaves less than 5 % of the disk free, unpacked. kInvalidArgument: no file.
Result<UniqueFd> open_core(const std::string& path);

}  // namespace nines::crash
