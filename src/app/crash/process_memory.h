// The memory of another process, while it is there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/pidfd.h"

namespace nines::crash {

/// Reads up to `size` bytes at `address`; shorter, or empty, where less can be read.
using ReadMemory = std::function<std::string(std::uint64_t address, std::size_t size)>;

/// Stays with the process that it was opened for: what gets its pid later has another memory.
class ProcessMemory {
 public:
  /// @errors kGone: the process has ended. kDenied.
  static Result<ProcessMemory> open(const sys::Pidfd& process, pid_t pid);

  std::string read(std::uint64_t address, std::size_t size) const;

 private:
  explicit ProcessMemory(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace nines::crash
