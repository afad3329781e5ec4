// DWARF expressions: where a register was saved, where a variable is. Hostile ones end, too.
#pragma once

#include <elfutils/libdw.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>

#include "elf/memory.h"

namespace nines::elf {

/// The most registers that any machine of ours has, by DWARF numbers.
inline constexpr std::size_t kMaxRegisters = 33;

/// What is known of a frame's registers, by their DWARF numbers.
struct RegisterSet {
  std::array<std::uint64_t, kMaxRegisters> values{};
  std::bitset<kMaxRegisters> known;

  std::optional<std::uint64_t> get(std::uint64_t number) const {
    if (number >= kMaxRegisters || !known[number]) return std::nullopt;
    return values[number];
  }
  void set(std::size_t number, std::uint64_t value) {
    values[number] = value;
    known[number] = true;
  }
};

struct ExpressionContext {
  const RegisterSet& registers;
  const Memory& memory;
  std::uint64_t bias = 0;  ///< added to the addresses that a file has in its expressions
  std::optional<std::uint64_t> cfa;
  std::optional<std::uint64_t> frame_base;  ///< of DW_OP_fbreg
};

struct ExpressionResult {
  enum class Kind : std::uint8_t { kAddress, kRegister, kValue };
  Kind kind = Kind::kAddress;
  std::uint64_t number = 0;
};

/// @return nothing if it needs what is not known, does what no expression may, or does not end.
/// @source DWARF 5, section 2.5
std::optional<ExpressionResult> evaluate(std::span<const Dwarf_Op> operations,
                                         const ExpressionContext& context);

}  // namespace nines::elf
