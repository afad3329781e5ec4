#include "cli/table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowestFirst = 12;

std::size_t total_width(const std::vector<std::size_t>& widths,
                        const std::vector<std::size_t>& shown) {
  std::size_t total = shown.empty() ? 0 : kGap * (shown.size() - 1);
  for (const std::size_t column : shown) total += widths[column];
  return total;
}

}  // namespace

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = 0;
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[i].text));
    // No row has anything to say here: the title alone is noise.
    widths.push_back(widest == 0 ? 0 : std::max(widest, display_width(columns_[i].title)));
  }
  return widths;
}

std::vector<std::size_t> Table::visible_columns(std::vector<std::size_t>& widths,
                                                std::size_t limit) const {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (widths[i] > 0) shown.push_back(i);
  }
  const auto rank = [this](std::size_t i) { return columns_[i].drop_rank; };
  while (limit > 0 && total_width(widths, shown) > limit) {
    const auto least = std::max_element(shown.begin(), shown.end(),
                                        [&](auto a, auto b) { return rank(a) < rank(b); });
    if (least == shown.end() || rank(*least) == 0) break;
    shown.erase(least);
  }
  const std::size_t total = total_width(widths, shown);
  if (limit > 0 && total > limit && !shown.empty()) {
    std::size_t& first = widths[shown.front()];
    first = std::max(std::min(first, kNarrowestFirst), first - std::min(first, total - limit));
  }
  return shown;
}

std::string Table::render(const Terminal& terminal) const {
  std::vector<std::size_t> width = widths();
  const std::vector<std::size_t> shown = visible_columns(width, terminal.width);
  std::string text;
  const auto line = [&](const auto& cell_of) {
    std::string padding;
    for (const std::size_t i : shown) {
      const Cell cell = cell_of(i);
      const std::string shortened = shorten(cell.text, width[i]);
      const std::string fill(width[i] - display_width(shortened), ' ');
      if (columns_[i].right) padding += fill;
      // Blanks wait until something follows them, so that no line ends with them.
      if (!shortened.empty())
        text += std::exchange(padding, {}) + terminal.paint(shortened, cell.tone);
      if (!columns_[i].right) padding += fill;
      padding.append(kGap, ' ');
    }
    text += '\n';
  };
  line([this](std::size_t i) { return Cell{columns_[i].title, Tone::kFaint}; });
  for (const auto& row : rows_) {
    line([&row](std::size_t i) { return row[i]; });
  }
  return text;
}

}  // namespace nines::cli
