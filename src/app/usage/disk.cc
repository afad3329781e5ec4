// File systems that the unit writes to.
#include <sys/statvfs.h>

#include <cerrno>

#include "app/usage/round.h"
#include "app/usage/small_file.h"

namespace nines::usage {

void measure_disk(Round& round) {
  for (const FileSystem& file_system : round.unit.file_systems) {
    struct statvfs said{};
    if (::statvfs(file_system.path.c_str(), &said) != 0) {
      round.failed(Error::from_errno(errno, "statvfs", file_system.path));
      continue;
    }
    // As df(1) counts: what is kept back for root is neither used nor free for others.
    const double block = static_cast<double>(said.f_frsize);
    const double used = static_cast<double>(said.f_blocks - said.f_bfree) * block;
    const auto free = file_system.may_use_reserve ? said.f_bfree : said.f_bavail;
    const std::string name = shown(file_system.mount_point);
    if (said.f_blocks > 0) {
      round.add({Resource::kDisk, "free space of " + name, used,
                 used + static_cast<double>(free) * block, Scope::kShared});
    }
    // Some have no fixed number of inodes, and say 0.
    if (said.f_files > 0) {
      const double inodes = static_cast<double>(said.f_files - said.f_ffree);
      round.add({Resource::kDisk, "free inodes of " + name, inodes,
                 inodes + static_cast<double>(said.f_favail), Scope::kShared});
    }
  }
}

}  // namespace nines::usage
