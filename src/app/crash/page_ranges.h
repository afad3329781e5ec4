// Which pages of a process are to be copied: a set of page ranges, kept apart and ascending.
#pragma once

#include <cstdint>
#include <map>

namespace nines::crash {

class PageRanges {
 public:
  explicit PageRanges(std::uint64_t page_size) : page_(page_size) {}

  /// Adds all pages that [address, address + size) touches. What goes beyond the end of everything
  /// is left out.
  void add(std::uint64_t address, std::uint64_t size);

  /// start -> end, both multiples of the page size.
  const std::map<std::uint64_t, std::uint64_t>& ranges() const { return ranges_; }
  std::uint64_t bytes() const { return bytes_; }
  bool contains(std::uint64_t address) const;

 private:
  std::uint64_t page_;
  std::map<std::uint64_t, std::uint64_t> ranges_;
  std::uint64_t bytes_ = 0;
};

}  // namespace nines::crash
