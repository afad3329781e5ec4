// From a frame to its caller, by the call frame information of the file it runs.
#pragma once

#include <elfutils/libdw.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "elf/expression.h"

namespace nines::elf {

/// What holds at one address of a file.
struct FrameRules {
  struct Register {
    enum class Kind : std::uint8_t { kUndefined, kSame, kExpression };
    Kind kind = Kind::kUndefined;
    std::vector<Dwarf_Op> expression;
  };
  std::vector<Dwarf_Op> cfa;
  std::array<Register, kMaxRegisters> registers;
  std::size_t return_address = 0;
  bool signal = false;  ///< the kernel made this frame
};

/// Of one file. Addresses are those of the file, without the bias at which it is mapped.
class CallFrames {
 public:
  /// Uses .eh_frame, by the binary search table of .eh_frame_hdr where there is one: no more of the
  /// file is read than the entries that are asked for.
  /// @param elf  stays the caller's, and must outlive this.
  explicit CallFrames(Elf* elf);
  CallFrames(const CallFrames&) = delete;
  CallFrames& operator=(const CallFrames&) = delete;
  ~CallFrames();

  /// From now on .debug_frame answers where .eh_frame does not.
  void add(Dwarf* debug);
  /// @return nothing where none are known.
  const FrameRules* at(std::uint64_t address);

 private:
  Dwarf_CFI* eh_frame_ = nullptr;
  Dwarf_CFI* debug_frame_ = nullptr;
  std::unordered_map<std::uint64_t, std::unique_ptr<FrameRules>> known_;
};

struct CallerFrame {
  RegisterSet registers;
  std::uint64_t cfa = 0;
  std::optional<std::uint64_t> pc;  ///< nothing: the rules say that there is no caller
};

/// @return nothing if the frame's address or the return address cannot be had.
/// @source DWARF 5, section 6.4
std::optional<CallerFrame> caller_of(const FrameRules& rules, const RegisterSet& registers,
                                     const Memory& memory, std::uint64_t bias);

}  // namespace nines::elf
