// Small tools for text.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace nines {

/// The parts of `text` between separators, without empty ones. Views into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Steps from one word to the other: a letter more, less or another, or two that are swapped; ASCII
/// letters compared without case.
/// @return  at most limit + 1, which stands for all that are further apart; also where a word is
///          longer than kLongestWord and not equal to the other.
/// @note    costs `limit` steps for each letter: a file full of unknown words does not take long.
/// @source  Damerau-Levenshtein, optimal string alignment
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

inline constexpr std::size_t kLongestWord = 256;

}  // namespace nines
