// For tests on the real loop: run it until something has come about.
#pragma once

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "sys/event_loop.h"

namespace nines::supervise::testing {

/// Runs the loop until `predicate` holds.
/// @param limit  only there so that a broken test ends; no test depends on its length.
/// @return whether it came to hold.
template <typename Predicate>
bool run_until(sys::EventLoop& loop, Predicate predicate,
               std::chrono::steady_clock::duration limit = std::chrono::seconds(60)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    loop.run_one(std::chrono::milliseconds(50));
  }
  return true;
}

/// A directory of its own, removed with everything in it.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "nines.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace nines::supervise::testing
