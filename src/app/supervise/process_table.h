// Which processes exist, in memory that outlives us.
//
// A file on tmpfs, mapped shared. spawn() lets the kernel write a new pid straight into a slot
// before the process runs, so a daemon that is killed at any instruction leaves a successor that
// knows every process it had started: no unit is lost, none is started twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

namespace nines::supervise {

class ProcessTable {
 public:
  /// One process. `pid` is written by the kernel; `start` afterwards by us, 0 if we died between.
  struct Slot {
    pid_t pid;
    std::uint32_t reserved;
    std::uint64_t start;
  };
  static constexpr unsigned kSlots = 8192;
  static constexpr unsigned kNoSlot = ~0U;

  ProcessTable() = default;
  ProcessTable(ProcessTable&& other) noexcept;
  ProcessTable& operator=(ProcessTable&& other) noexcept;
  ~ProcessTable();

  /// Opens, or creates, the table; its blocks are allocated, so that no write can hit a full disk.
  /// @errors kNoSpace, kDenied; kCorrupt: not of this size.
  static Result<ProcessTable> open(const std::string& path);

  /// @return an unused slot, emptied. @errors kLimit: all are in use.
  Result<unsigned> allocate();
  /// Says that a slot found in a saved state is in use.
  void claim(unsigned slot);
  void release(unsigned slot);

  pid_t* pid_address(unsigned slot) { return &slots_[slot].pid; }
  void set_start(unsigned slot, StartTime start) {
    slots_[slot].start = static_cast<std::uint64_t>(start);
  }
  ProcessId read(unsigned slot) const {
    return {slots_[slot].pid, static_cast<StartTime>(slots_[slot].start)};
  }

 private:
  Slot* slots_ = nullptr;
  std::vector<bool> used_;
  unsigned next_ = 0;
};

}  // namespace nines::supervise
