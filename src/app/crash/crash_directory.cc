#include "app/crash/crash_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's

namespace nines::crash {

Result<CrashDirectory> CrashDirectory::make(std::string path) {
  constexpr mode_t kForUsAlone = 0700;
  NINES_TRY(sys::make_directories(path.substr(0, path.rfind('/')), kForUsAlone));
  if (sys::exists(path)) return Error(ErrorCode::kExists, "make directory", path);
  const std::string part = path + kPartSuffix;
  for (;;) {
    if (::mkdir(part.c_str(), kForUsAlone) != 0) {
      return Error::from_errno(errno, "make directory", part);
    }
    auto lock = sys::open_file(part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    struct stat made{}, now{};
    const bool held = lock && ::flock(lock->get(), LOCK_EX) == 0 &&
                      ::fstat(lock->get(), &made) == 0 && ::lstat(part.c_str(), &now) == 0 &&
                      made.st_ino == now.st_ino;
    if (held) return CrashDirectory(std::move(path), part, std::move(*lock));
    // tidy() took it for one that a killed maker had left, before we held it.
    if (sys::exists(part)) return Error(ErrorCode::kExists, "make directory", part);
  }
}

CrashDirectory::CrashDirectory(CrashDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::exchange(other.part_, {})),
      lock_(std::move(other.lock_)) {}

CrashDirectory::~CrashDirectory() {
  if (!part_.empty()) remove_crash(part_);
}

Status CrashDirectory::finish() {
  const std::string part = std::exchange(part_, {});
  if (::rename(part.c_str(), path_.c_str()) == 0) return {};
  Error error = Error::from_errno(errno, "rename", part);
  remove_crash(part);
  return error;
}

void remove_crash(const std::string& directory) {
  if (const auto names = sys::list_directory(directory)) {
    for (const std::string& name : *names) (void)::unlink((directory + "/" + name).c_str());
  }
  (void)::rmdir(directory.c_str());
}

}  // namespace nines::crash
