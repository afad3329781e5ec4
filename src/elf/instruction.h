// What the instruction at a program counter does to memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "elf/core_head.h"
#include "elf/expression.h"

namespace nines::elf {

struct MemoryAccess {
  bool reads = false;
  bool writes = false;
  std::uint64_t size = 0;                ///< bytes
  std::optional<std::uint64_t> address;  ///< nothing: relative to a register that cores do not hold
  std::string base;                      ///< the register's name, or empty
  std::string index;
  std::int64_t displacement = 0;
  std::optional<std::uint64_t> base_value;
  bool stack = false;  ///< by push, call, ret and the like
};

struct Instruction {
  std::string text;  ///< in the assembler's Intel syntax
  std::size_t length = 0;
  std::vector<MemoryAccess> accesses;
  bool call = false;
  bool divides = false;
  bool undefined = false;                ///< ud2 and the like: put there to stop the program
  std::optional<std::uint64_t> divisor;  ///< of a division, where it is in a register
};

/// @param code       bytes from `pc` on, as many as there are.
/// @param registers  of the frame, for the addresses.
/// @errors kUnsupported: of a machine that is not decoded (only x86-64 is). kCorrupt: no
///         instruction.
Result<Instruction> decode_instruction(Machine machine, std::string_view code, std::uint64_t pc,
                                       const RegisterSet& registers);

/// Whether a call ends right before the return address at which `before` ends.
/// @param before  up to seven bytes of code.
/// @source Intel SDM volume 2, CALL; AArch64: BL, BLR
bool follows_call(Machine machine, std::string_view before);

}  // namespace nines::elf
