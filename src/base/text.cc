#include "base/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nines {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

using Row = std::array<std::size_t, kLongestWord + 1>;

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t beyond = limit + 1;
  if (a == b) return 0;
  if (a.size() > kLongestWord || b.size() > kLongestWord) return beyond;
  // Each step evens out one character; and the band below would end before the last column.
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return beyond;
  // Three rows of the table: before last, last, this. Only cells near the diagonal can be on a path
  // that short, and once a whole row is beyond the limit, so is the rest.
  Row rows[3];
  Row* older = &rows[0];
  Row* old = &rows[1];
  Row* row = &rows[2];
  for (std::size_t j = 0; j <= b.size(); ++j) (*old)[j] = std::min(j, beyond);
  std::size_t least_before = 0;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const std::size_t first = i > limit ? i - limit : 1;
    const std::size_t last = std::min(b.size(), i + limit);
    (*row)[first - 1] = first == 1 ? std::min(i, beyond) : beyond;
    std::size_t least = (*row)[first - 1];
    for (std::size_t j = first; j <= last; ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      std::size_t steps =
          std::min({(*old)[j] + 1, (*row)[j - 1] + 1, (*old)[j - 1] + (same ? 0 : 1), beyond});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) steps = std::min(steps, (*older)[j - 2] + 1);
      (*row)[j] = steps;
      least = std::min(least, steps);
    }
    // Right of the band nothing was computed yet, and row i + 1 looks there.
    if (last < b.size()) (*row)[last + 1] = beyond;
    // A swap reaches over a row: only two in a row beyond the limit end it.
    if (least > limit && least_before > limit) return beyond;
    least_before = least;
    older = std::exchange(old, std::exchange(row, older));
  }
  return std::min((*old)[b.size()], beyond);
}

}  // namespace nines
