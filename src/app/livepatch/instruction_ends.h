// Where each instruction of a function ends.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace nines::livepatch {

/// @param code  x86-64, from an instruction on.
/// @return ascending, up to the first bytes that are no instruction.
std::vector<std::uint64_t> instruction_ends(std::string_view code);

}  // namespace nines::livepatch
