// "Did you mean": the nearest of some words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nines::cli {

/// @return the nearest of the candidates, if it is near enough to be what was meant: at most a
/// third
///         of the word's length off (but one step always counts), or the word is the beginning of
///         only one of them.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace nines::cli
