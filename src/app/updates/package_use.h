// Which of the packages that wait for an update are in use here, and by whom.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/updates/process_files.h"
#include "base/result.h"
#include "sys/host_root.h"

namespace nines::updates {

struct PackageUse {
  std::string package;
  bool listed = false;            ///< dpkg knows its files; false: nothing can be said
  std::vector<FileUser> users{};  ///< with the files of this package that they have mapped
};

struct PackageUses {
  std::vector<PackageUse> packages;                    ///< as they were asked for
  std::size_t looked_at = 0, denied = 0, skipped = 0;  ///< processes; see FileUsers
};

/// By dpkg's lists of files and what processes have mapped to execute. Files that are only read, as
/// an interpreter's modules are, do not show.
/// @param packages  names without architecture; each is looked up in all of its architectures.
/// @errors those of find_file_users(); of reading dpkg's directory.
/// @source dpkg-query(1): /var/lib/dpkg/info/PACKAGE[:ARCH].list
Result<PackageUses> find_package_uses(const sys::HostRoot& root,
                                      const std::vector<std::string>& packages,
                                      std::chrono::steady_clock::time_point deadline);

}  // namespace nines::updates
