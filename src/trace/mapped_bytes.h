// A file's bytes without reading them: pages come as they are looked at.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>

#include <string_view>
#include <utility>

#include "base/unique_fd.h"

namespace nines::trace {

/// Private: libelf writes into its copy of a file's headers what it decompressed. A file that is
/// cut off meanwhile ends whoever looks at it by SIGBUS: only for a process that may end.
class MappedBytes {
 public:
  MappedBytes() = default;
  /// Empty if it cannot be mapped. The descriptor may be closed afterwards.
  explicit MappedBytes(int fd) {
    struct stat info{};
    if (fd < 0 || ::fstat(fd, &info) != 0 || info.st_size <= 0) return;
    const auto size = static_cast<std::size_t>(info.st_size);
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (at != MAP_FAILED) bytes_ = {static_cast<const char*>(at), size};
  }
  MappedBytes(MappedBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedBytes& operator=(MappedBytes&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  MappedBytes(const MappedBytes&) = delete;
  MappedBytes& operator=(const MappedBytes&) = delete;
  ~MappedBytes() {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }

  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace nines::trace
