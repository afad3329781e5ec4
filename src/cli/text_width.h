// How wide text is on a terminal, and what is safe to print there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nines::cli {

/// @return columns that UTF-8 text takes: wide characters two, combining ones none, a byte that is
///         not UTF-8 one (it is shown as one replacement character).
std::size_t display_width(std::string_view text);

/// Shortens to at most `width` columns, the last of them '…'. Never cuts inside a character.
std::string shorten(std::string_view text, std::size_t width);

/// Makes control characters visible ("\x1b"), and what is not UTF-8 U+FFFD: a unit's output must
/// not be able to drive the terminal of whoever reads it. Tabs stay.
std::string printable(std::string_view text);

}  // namespace nines::cli
