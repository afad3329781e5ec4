// Where one crash is kept: a directory that is there whole, or not at all.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::crash {

/// Made as "PATH.part", with a lock as long as its maker lives, and renamed to PATH when all is in
/// it. What a killed maker leaves is a ".part" that nobody holds: see tidy() in crash_store.h.
class CrashDirectory {
 public:
  /// @param path  absolute; its parent is made too. Mode 0700: cores hold keys.
  /// @errors kExists: PATH or its part is there already. kNoSpace, kDenied ...
  static Result<CrashDirectory> make(std::string path);

  CrashDirectory(CrashDirectory&& other) noexcept;
  CrashDirectory& operator=(CrashDirectory&&) = delete;
  CrashDirectory(const CrashDirectory&) = delete;
  CrashDirectory& operator=(const CrashDirectory&) = delete;
  ~CrashDirectory();  ///< unless it was finished, it goes with all that is in it

  const std::string& part() const { return part_; }
  /// From here on it is PATH. @errors those of rename(2); it is gone then.
  Status finish();

 private:
  CrashDirectory(std::string path, std::string part, UniqueFd lock)
      : path_(std::move(path)), part_(std::move(part)), lock_(std::move(lock)) {}

  std::string path_, part_;
  UniqueFd lock_;
};

inline constexpr const char* kPartSuffix = ".part";

/// Removes a directory and the files in it; what else is in there (nothing that we made) stays, and
/// so does the directory then.
void remove_crash(const std::string& directory);

}  // namespace nines::crash
