#include "app/crash/crash_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

#include "app/crash/crash_directory.h"
#include "base/id128.h"
#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's

namespace nines::crash {
namespace {

struct Kept {
  std::string name;
  std::time_t time = 0;
  std::uint64_t bytes = 0;
};

/// What a directory's files take up on the disk: a sparse core is smaller than it is long.
std::uint64_t blocks_of(const std::string& directory) {
  constexpr std::uint64_t kBlock = 512;  // stat(2): st_blocks
  std::uint64_t bytes = 0;
  if (const auto names = sys::list_directory(directory)) {
    for (const std::string& name : *names) {
      struct stat info{};
      if (::lstat((directory + "/" + name).c_str(), &info) != 0) continue;
      // A file of the program that crashes share has a link for each, and one in the pool.
      const std::uint64_t shares = std::max<std::uint64_t>(info.st_nlink, 2) - 1;
      bytes += static_cast<std::uint64_t>(info.st_blocks) * kBlock / shares;
    }
  }
  return bytes;
}

/// @return what holds it, if nobody else does.
UniqueFd hold(const std::string& directory) {
  auto fd = sys::open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd || ::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return {};
  return std::move(*fd);
}

}  // namespace

bool is_crash_id(std::string_view name) {
  return Id128::parse(name).has_value();
}

Result<Bytes> room_in(const std::string& store, const StoreLimits& limits) {
  struct statvfs info{};
  if (::statvfs(store.c_str(), &info) != 0) return Error::from_errno(errno, "statvfs", store);
  const std::uint64_t spare =
      static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize / 100 * limits.free_percent;
  const std::uint64_t free = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  return Bytes{free > spare ? free - spare : 0};
}

Result<Tidied> tidy(const std::string& store, const std::string& keep, const StoreLimits& limits) {
  NINES_ASSIGN(const UniqueFd lock, sys::open_file(store, O_RDONLY | O_DIRECTORY));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return Error(ErrorCode::kBusy, "tidy", store);
  NINES_ASSIGN(const auto names, sys::list_directory(store));
  Tidied tidied;
  std::vector<Kept> crashes;
  std::uint64_t total = 0;
  for (const std::string& name : names) {
    const std::string path = store + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    const std::string_view suffix = kPartSuffix;
    const bool half = name.ends_with(suffix);
    if (!is_crash_id(half ? name.substr(0, name.size() - suffix.size()) : name)) continue;
    if (half) {
      const UniqueFd ours = hold(path);
      if (!ours) continue;
      remove_crash(path);
      ++tidied.abandoned;
      continue;
    }
    crashes.push_back({name, info.st_mtime, blocks_of(path)});
    total += crashes.back().bytes;
  }
  std::sort(crashes.begin(), crashes.end(), [](const Kept& a, const Kept& b) {
    return a.time != b.time ? a.time < b.time : a.name < b.name;
  });
  const std::time_t now = std::time(nullptr);
  const std::time_t oldest =
      now - std::chrono::duration_cast<std::chrono::seconds>(limits.age).count();
  std::size_t count = crashes.size();
  for (const Kept& one : crashes) {
    const auto room = room_in(store, limits);
    const bool fits = total <= limits.total.count && count <= limits.count && one.time >= oldest &&
                      (!room || room->count > 0);
    if (fits) break;
    if (one.name == keep) continue;
    remove_crash(store + "/" + one.name);
    total -= one.bytes;
    --count;
    ++tidied.removed;
  }
  tidied.kept = count;
  return tidied;
}

}  // namespace nines::crash
