// Numbers in what the kernel writes as lines of names and values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nines::sys {

/// The number behind `key`, in lines of "key number" or "key:<blanks>number".
std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key, int base = 10);

}  // namespace nines::sys
