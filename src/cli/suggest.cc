#include "cli/suggest.h"

#include <algorithm>

namespace nines::cli {
namespace {

/// Longer ones are no typing errors, and the table grows with the square.
constexpr std::size_t kLongest = 256;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table: before last, last, this.
  std::vector<std::size_t> older(b.size() + 1);
  std::vector<std::size_t> old(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    older = std::move(old);
    old = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({old[j] + 1, row[j - 1] + 1, old[j - 1] + other});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], older[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongest) return std::nullopt;
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  const std::string* begins = nullptr;
  std::size_t beginnings = 0;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    if (candidate.starts_with(word)) {
      begins = &candidate;
      ++beginnings;
    }
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    best = &candidate;
  }
  if (best != nullptr) return *best;
  return beginnings == 1 ? std::optional<std::string>(*begins) : std::nullopt;
}

}  // namespace nines::cli
