// The whole core of a process, as the kernel would write it, without waiting for the kernel: the
// head that it has written says what comes where, and the memory is read from the process itself,
// which waits. By several threads at once, and without what was never touched: over its socket the
// kernel sends every page of zeros, of however many TiB were reserved.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "app/crash/core_stream.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "sys/pidfd.h"

namespace nines::crash {

class CoreImage {
 public:
  /// @param start    what read_core_start() read; it must outlive the image.
  /// @param process  must outlive it, too.
  /// @errors kGone: the process has ended. kCorrupt: the segments overlap. kDenied.
  static Result<CoreImage> open(const CoreStart& start, const sys::Pidfd& process, pid_t pid);
  CoreImage(CoreImage&& other) noexcept;

  std::uint64_t size() const { return size_; }  ///< of the core, in bytes

  enum class Content : std::uint8_t { kZeros, kBytes };
  /// Fills `into` with the bytes from `offset` on; of kZeros it may be left as it was. What of the
  /// memory cannot be read is zeros, as in the kernel's own core. Callable by several threads.
  /// @pre    offset + into.size() <= size()
  /// @errors kGone: the process was killed meanwhile.
  Result<Content> read(std::uint64_t offset, std::span<char> into) const;

  /// Bytes of memory read so far: without holes.
  Bytes memory_read() const { return Bytes{memory_read_.load(std::memory_order_relaxed)}; }

 private:
  /// A part of the core that comes from the memory.
  struct Part {
    std::uint64_t offset = 0, size = 0, address = 0;
    bool untouched_is_zeros = false;  ///< else a page that is not there is in a file
  };

  CoreImage(const CoreStart& start, const sys::Pidfd& process)
      : start_(&start), process_(&process) {}
  Status lay_out();
  Result<Content> read_part(const Part& part, std::uint64_t at, std::span<char> into) const;
  Status read_memory(std::uint64_t address, std::span<char> into) const;
  std::vector<bool> touched(std::uint64_t address, std::size_t pages) const;

  const CoreStart* start_;
  const sys::Pidfd* process_;
  UniqueFd memory_, page_map_;
  std::vector<Part> parts_;  ///< ascending by offset
  std::string end_;          ///< behind all parts
  std::uint64_t size_ = 0;
  mutable std::atomic<std::uint64_t> memory_read_{0};
};

}  // namespace nines::crash
