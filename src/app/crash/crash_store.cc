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
#include "app/crash/outcome.h"
#include "base/id128.h"
#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's

namespace nines::crash {
namespace {

struct Kept {
  std::string name;
  std::time_t time = 0;
  std::uint64_t bytes = 0;
  std::uint64_t whole_core = 0;  ///< of those bytes
  std::time_t whole_core_time = 0;
};

std::uint64_t on_disk(const struct stat& info) {
  constexpr std::uint64_t kBlock = 512;  // stat(2): st_blocks
  return static_cast<std::uint64_t>(info.st_blocks) * kBlock;
}

/// What a directory's files take up on the disk: a sparse core is smaller than it is long.
void measure(const std::string& directory, Kept* kept) {
  const auto names = sys::list_directory(directory);
  if (!names) return;
  for (const std::string& name : *names) {
    struct stat info{};
    if (::lstat((directory + "/" + name).c_str(), &info) != 0) continue;
    // A file of the program that crashes share has a link for each, and one in the pool.
    const std::uint64_t shares = std::max<std::uint64_t>(info.st_nlink, 2) - 1;
    kept->bytes += on_disk(info) / shares;
    if (name != kWholeCore) continue;
    kept->whole_core = on_disk(info);
    kept->whole_core_time = info.st_mtime;
  }
}

/// @return what holds it, if nobody else does.
UniqueFd hold(const std::string& directory) {
  auto fd = sys::open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd || ::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return {};
  return std::move(*fd);
}

struct Listing {
  std::vector<Kept> crashes;        ///< the oldest first
  std::vector<std::string> halves;  ///< names of those that were not finished
};

Result<Listing> list(const std::string& store) {
  NINES_ASSIGN(const auto names, sys::list_directory(store));
  Listing listing;
  for (const std::string& name : names) {
    const std::string path = store + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    const std::string_view suffix = kPartSuffix;
    const bool half = name.ends_with(suffix);
    if (!is_crash_id(half ? name.substr(0, name.size() - suffix.size()) : name)) continue;
    if (half) {
      listing.halves.push_back(name);
      continue;
    }
    listing.crashes.push_back({name, info.st_mtime});
    measure(path, &listing.crashes.back());
  }
  std::sort(listing.crashes.begin(), listing.crashes.end(), [](const Kept& a, const Kept& b) {
    return a.time != b.time ? a.time < b.time : a.name < b.name;
  });
  return listing;
}

/// One round of tidy().
class Tidying {
 public:
  Tidying(const std::string& store, const std::string& keep, const StoreLimits& limits,
          Listing listing)
      : store_(store), keep_(keep), limits_(limits), listing_(std::move(listing)) {
    for (const Kept& one : listing_.crashes) total_ += one.bytes;
    count_ = listing_.crashes.size();
  }

  Tidied run() {
    remove_halves();
    for (Kept& one : listing_.crashes) {
      if (has_room()) break;
      if (one.whole_core > 0) remove_whole_core(one);
    }
    const std::time_t oldest =
        std::time(nullptr) - std::chrono::duration_cast<std::chrono::seconds>(limits_.age).count();
    for (const Kept& one : listing_.crashes) {
      if (has_room() && count_ <= limits_.count && one.time >= oldest) break;
      remove(one);
    }
    tidied_.kept = count_;
    return tidied_;
  }

 private:
  bool has_room() const {
    const auto room = room_in(store_, limits_);
    return total_ <= limits_.total.count && (!room || room->count > 0);
  }

  void remove_halves() {
    for (const std::string& name : listing_.halves) {
      const UniqueFd ours = hold(store_ + "/" + name);
      if (!ours) continue;
      remove_crash(store_ + "/" + name);
      ++tidied_.abandoned;
    }
    for (const Kept& one : listing_.crashes) {
      const std::string part = store_ + "/" + one.name + "/" + std::string(kWholeCorePart);
      if (one.name == keep_ || !sys::exists(part)) continue;
      if (const UniqueFd ours = hold(store_ + "/" + one.name)) (void)::unlink(part.c_str());
    }
  }

  void remove_whole_core(Kept& one) {
    if (one.name == keep_) return;
    const UniqueFd ours = hold(store_ + "/" + one.name);
    const std::string path = store_ + "/" + one.name + "/" + std::string(kWholeCore);
    if (!ours || ::unlink(path.c_str()) != 0) return;
    total_ -= one.whole_core;
    one.bytes -= one.whole_core;
    ++tidied_.cores;
  }

  void remove(const Kept& one) {
    if (one.name == keep_) return;
    const UniqueFd ours = hold(store_ + "/" + one.name);
    if (!ours) return;
    remove_crash(store_ + "/" + one.name);
    total_ -= one.bytes;
    --count_;
    ++tidied_.removed;
  }

  const std::string& store_;
  const std::string& keep_;
  const StoreLimits& limits_;
  Listing listing_;
  std::uint64_t total_ = 0;
  std::size_t count_ = 0;
  Tidied tidied_;
};

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
  NINES_ASSIGN(Listing listing, list(store));
  return Tidying(store, keep, limits, std::move(listing)).run();
}

StoreUse use_of(const std::string& store) {
  constexpr std::time_t kDay_s = 24 * 60 * 60;
  StoreUse use;
  const auto listing = list(store);
  if (!listing) return use;
  const std::time_t since = std::time(nullptr) - kDay_s;
  for (const Kept& one : listing->crashes) {
    use.total.count += one.bytes;
    if (one.whole_core == 0 || one.whole_core_time < since) continue;
    ++use.recent_whole_cores;
    use.recent_whole_bytes.count += one.whole_core;
  }
  return use;
}

std::optional<std::string> whole_core_of(const std::string& store, std::string_view signature) {
  const auto listing = list(store);
  if (!listing || signature.empty()) return std::nullopt;
  for (const Kept& one : listing->crashes) {
    if (one.whole_core == 0) continue;
    const auto text = sys::read_file(store + "/" + one.name + "/capture.json", Bytes{kMaxOutcome});
    const auto outcome = text ? decode_outcome(*text) : std::nullopt;
    if (outcome && outcome->signature == signature) return one.name;
  }
  return std::nullopt;
}

}  // namespace nines::crash
