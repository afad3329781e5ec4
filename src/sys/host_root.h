// Where /proc, /sys, /run ... are looked for. Production code uses the real root; tests point it
// at tests/fixtures/root or at a temporary tree.
#pragma once

#include <string>
#include <string_view>

namespace nines::sys {

/// A prefix for absolute paths of the host.
class HostRoot {
 public:
  HostRoot() = default;  ///< the real "/"
  explicit HostRoot(std::string prefix) : prefix_(std::move(prefix)) {}

  /// @pre   `absolute` begins with '/'.
  /// @return the path to open, e.g. "/tmp/fake" + "/proc/1/stat".
  std::string path(std::string_view absolute) const { return prefix_ + std::string(absolute); }
  bool is_real() const { return prefix_.empty(); }

 private:
  std::string prefix_;
};

}  // namespace nines::sys
