#include "app/crash/page_ranges.h"

#include <algorithm>
#include <iterator>

namespace nines::crash {

void PageRanges::add(std::uint64_t address, std::uint64_t size) {
  if (size == 0) return;
  const std::uint64_t last_page = UINT64_MAX - page_ + 1;
  std::uint64_t start = address / page_ * page_;
  if (start >= last_page) return;
  const std::uint64_t room = last_page - address;
  std::uint64_t end = (address + std::min(size, room) + page_ - 1) / page_ * page_;
  // All that it touches becomes one.
  auto at = ranges_.upper_bound(start);
  if (at != ranges_.begin() && std::prev(at)->second >= start) --at;
  while (at != ranges_.end() && at->first <= end) {
    start = std::min(start, at->first);
    end = std::max(end, at->second);
    bytes_ -= at->second - at->first;
    at = ranges_.erase(at);
  }
  ranges_.emplace(start, end);
  bytes_ += end - start;
}

bool PageRanges::contains(std::uint64_t address) const {
  const auto after = ranges_.upper_bound(address);
  return after != ranges_.begin() && address < std::prev(after)->second;
}

}  // namespace nines::crash
