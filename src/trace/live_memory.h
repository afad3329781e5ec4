// The memory of a process that is alive.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "elf/memory.h"

namespace nines::trace {

/// By /proc/PID/mem: pages that the process itself may not read or write are no exception, as they
/// are none for a debugger.
class LiveMemory final : public elf::Memory {
 public:
  /// @errors kGone; kDenied: no right to trace it.
  /// @source proc_pid_mem(5)
  static Result<LiveMemory> open(const ProcessId& process);
  LiveMemory(LiveMemory&& other) noexcept : file_(std::move(other.file_)) {}

  bool read(std::uint64_t address, void* into, std::size_t size) const override;
  /// Into a private copy of the page where a file is mapped. @pre its threads are stopped, if the
  /// bytes may be executed. @errors kIo: a part of it is not mapped; what comes before may be
  /// written.
  Status write(std::uint64_t address, std::string_view bytes) const;

 private:
  explicit LiveMemory(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace nines::trace
