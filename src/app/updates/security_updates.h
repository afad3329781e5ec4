// Which installed packages have a newer version in a security archive.
//
// Read from dpkg's status and from the indexes that the last `apt-get update` fetched, without
// building APT's cache, which takes seconds where none is kept. Pins are not looked at: they say
// what APT would install, not what is fixed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/host_root.h"

namespace nines::updates {

struct PendingUpdate {
  std::string package;
  std::string installed, candidate;  ///< versions
  std::string archive;               ///< "Debian-Security oldstable-security"
  bool held = false;                 ///< dpkg's selection is "hold"
};

/// One security archive of which an index lies here.
struct SecurityIndex {
  std::string archive;
  UtcTime published;         ///< as the archive says it
  UtcTime fetched;           ///< when `apt-get update` brought this index
  std::size_t packages = 0;  ///< that it lists; 0: its list is not here
};

struct PendingUpdates {
  std::size_t installed = 0;           ///< packages
  std::vector<SecurityIndex> indexes;  ///< empty: no security archive is configured or fetched
  std::vector<PendingUpdate> pending;  ///< by package name
};

/// Reads with libapt-pkg.
/// @pre    called once in a process: libapt-pkg keeps its errors in a global.
/// @errors kNotFound: no dpkg here. kDenied, kIo, kCorrupt: a file cannot be read.
Result<PendingUpdates> read_pending_updates(const sys::HostRoot& root);

/// From one process to another. @errors kCorrupt.
std::string encode(const PendingUpdates& updates);
Result<PendingUpdates> decode(std::string_view text);

}  // namespace nines::updates
