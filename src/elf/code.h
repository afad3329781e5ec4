// One instruction of machine code as far as comparing code needs it: how long, whether it does
// nothing, where it jumps. x86-64 only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nines::elf {

struct CodeUnit {
  std::size_t length = 0;
  bool nop = false;  ///< of any length
  /// A jump or call relative to its end. Two with the same `operation` do the same, however far
  /// they reach; 0: no such instruction.
  std::uint16_t operation = 0;
  std::int64_t displacement = 0;      ///< from the end of the instruction
  std::size_t displacement_at = 0;    ///< where it is in the instruction, and
  std::size_t displacement_size = 0;  ///< how many bytes it has

  bool is_relative() const { return operation != 0; }
};

/// @return nothing: no instruction, or cut off.
std::optional<CodeUnit> code_unit(std::string_view code);

}  // namespace nines::elf
