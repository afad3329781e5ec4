#include "app/crash/page_ranges.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace nines::crash {
namespace {

using Ranges = std::map<std::uint64_t, std::uint64_t>;

TEST(PageRanges, AreWholePagesAndOne) {
  PageRanges pages(16);
  pages.add(17, 1);
  EXPECT_EQ(pages.ranges(), (Ranges{{16, 32}}));
  pages.add(31, 2);
  EXPECT_EQ(pages.ranges(), (Ranges{{16, 48}}));
  pages.add(100, 0);
  EXPECT_EQ(pages.bytes(), 32U);
  pages.add(80, 16);
  pages.add(48, 32);
  EXPECT_EQ(pages.ranges(), (Ranges{{16, 96}}));
  EXPECT_TRUE(pages.contains(95));
  EXPECT_FALSE(pages.contains(96));
  EXPECT_FALSE(pages.contains(0));
}

TEST(PageRanges, EndWhereEverythingEnds) {
  PageRanges pages(4096);
  pages.add(UINT64_MAX, 1);
  EXPECT_TRUE(pages.ranges().empty()) << "no range can end after the last page";
  pages.add(UINT64_MAX - 3 * 4096 + 1, UINT64_MAX);
  EXPECT_EQ(pages.bytes(), 2 * 4096U);
}

TEST(PageRanges, AreTheSetOfAllTheirPages) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    PageRanges pages(8);
    std::set<std::uint64_t> expected;
    for (int i = 0; i < 30; ++i) {
      const std::uint64_t address = random() % 1000, size = random() % 60;
      pages.add(address, size);
      for (std::uint64_t byte = address; byte < address + size; ++byte) expected.insert(byte / 8);
    }
    std::set<std::uint64_t> got;
    std::uint64_t last = 0;
    for (const auto& [start, end] : pages.ranges()) {
      EXPECT_TRUE(last == 0 || start > last) << "neighbours are one";
      last = end;
      for (std::uint64_t page = start / 8; page < end / 8; ++page) got.insert(page);
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(pages.bytes(), expected.size() * 8);
  }
}

}  // namespace
}  // namespace nines::crash
