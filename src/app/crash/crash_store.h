// All crashes that are kept, and how many may be.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"

namespace nines::crash {

struct StoreLimits {
  Bytes total{std::uint64_t{4} << 30};
  std::size_t count = 1000;
  Nanoseconds age = std::chrono::hours(24) * 90;
  /// This share of the file system stays free: an application needs its disk more than we do.
  unsigned free_percent = 5;
};

struct Tidied {
  std::size_t cores = 0;      ///< whole cores, of crashes that are kept otherwise
  std::size_t removed = 0;    ///< crashes with all that was kept of them
  std::size_t abandoned = 0;  ///< half ones, whose maker was killed
  std::size_t kept = 0;
};

/// Whether a directory of this name is one that we made: nothing else is ever removed.
bool is_crash_id(std::string_view name);

/// The whole core in a crash's directory, if there is one; and while it is being written.
inline constexpr std::string_view kWholeCore = "core.zst";
inline constexpr std::string_view kWholeCorePart = "core.zst.part";

struct StoreUse {
  Bytes total;                         ///< on the disk
  std::size_t recent_whole_cores = 0;  ///< of the last 24 hours
  Bytes recent_whole_bytes;
};
/// What is kept, as far as it can be looked at.
StoreUse use_of(const std::string& store);

/// @return the name of a crash with this signature of which there is a whole core, or nothing.
std::optional<std::string> whole_core_of(const std::string& store, std::string_view signature);

/// Removes from `store` what killed makers left, then until the limits are kept whole cores, the
/// oldest first, and then the oldest crashes. What somebody still works on stays.
/// One caller at a time does it; another finds kBusy.
/// @param keep  the name of one that stays whatever the limits say, or empty.
/// @errors kBusy, kNotFound: no such directory.
Result<Tidied> tidy(const std::string& store, const std::string& keep, const StoreLimits& limits);

/// @return the bytes that may still be written below `store`, by its file system's free space.
/// @errors those of statvfs(3).
Result<Bytes> room_in(const std::string& store, const StoreLimits& limits);

}  // namespace nines::crash
