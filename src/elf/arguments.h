// The arguments of a function in a frame, as far as they are still to be had.
#pragma once

#include <elfutils/libdw.h>

#include <optional>
#include <vector>

#include "elf/debug_info.h"

namespace nines::elf {

std::optional<std::uint64_t> frame_base_of(Dwarf_Die* function, std::uint64_t address,
                                           const ExpressionContext& state);

/// Numbers, pointers, enumerators by number; of a structure only that it is one. What a pointer
/// points to is never shown: it may be a secret.
/// @param address  of the file.
/// @param state    with the frame base, for a function that has one.
std::vector<Argument> arguments_of(Dwarf_Die* function, std::uint64_t address,
                                   const ExpressionContext& state);

}  // namespace nines::elf
