#include "cli/suggest.h"

#include <algorithm>

#include "base/text.h"

namespace nines::cli {
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  const std::string* begins = nullptr;
  std::size_t beginnings = 0;
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(word)) {
      begins = &candidate;
      ++beginnings;
    }
    const std::size_t distance = edit_distance(word, candidate, least);
    if (distance >= least) continue;
    least = distance;
    best = &candidate;
  }
  if (best != nullptr) return *best;
  return beginnings == 1 ? std::optional<std::string>(*begins) : std::nullopt;
}

}  // namespace nines::cli
