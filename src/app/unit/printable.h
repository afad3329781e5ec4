// Foreign text in our own messages.
#pragma once

#include <string>
#include <string_view>

namespace nines::unit {

/// Makes text of a hostile file fit for a terminal, a log and JSON: control characters and bytes
/// that are not UTF-8 become "\xNN"; what exceeds `max_bytes` is cut, with "..." in its place.
std::string printable(std::string_view text, std::size_t max_bytes = 120);

}  // namespace nines::unit
