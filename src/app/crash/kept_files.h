// The files that a crashed process ran, and that whoever looks at its core later would not find:
// removed or replaced since it was started, as by an upgrade, or in another root than ours.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "elf/core_head.h"

namespace nines::crash {

/// Opened while the process is there; copied when nobody waits any more.
struct GoneFile {
  std::string path;  ///< as it was when the process mapped it
  UniqueFd file;
};

/// @return its executable and libraries that are not at their paths any more; only those that begin
///         with the four bytes of ELF. Nothing else in them is looked at.
/// @pre    it is dying, or stopped: its mappings stay as they are.
std::vector<GoneFile> open_gone_files(pid_t pid, const elf::CoreHead& head);

struct KeptFile {
  std::string path;     ///< as in GoneFile
  std::string name;     ///< in the crash's directory; empty: it was not kept
  std::string skipped;  ///< why not
};

/// More is not kept of one crash.
inline constexpr Bytes kMostFileBytes{std::uint64_t{256} << 20};

/// Puts them into `directory` as "file-N-NAME", and the list of them there as "files.json". One
/// that another crash has kept before, byte for byte, is not copied but linked: `pool` has a link
/// to each.
/// @errors those of writing the list. A file that cannot be kept is listed with the reason.
Result<std::vector<KeptFile>> keep_files(const std::vector<GoneFile>& files,
                                         const std::string& directory, const std::string& pool,
                                         Bytes most = kMostFileBytes);

/// What keep_files() wrote. @return empty: there was nothing to keep. Names of other directories
/// are left out. @errors kCorrupt.
Result<std::vector<KeptFile>> read_kept_files(const std::string& directory);

/// @return where those lie that were kept; all of them in the crash's directory.
std::vector<std::string> paths_of(const std::vector<KeptFile>& files, const std::string& directory);

/// Removes from the pool what no crash has any more.
void tidy_pool(const std::string& pool);

}  // namespace nines::crash
