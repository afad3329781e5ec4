#include "base/text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace nines {
namespace {

TEST(Split, LeavesOutWhatIsEmpty) {
  const std::vector<std::string_view> parts = {"a", "bc"};
  EXPECT_EQ(split("a,bc", ','), parts);
  EXPECT_EQ(split(",a,,bc,", ','), parts);
  EXPECT_TRUE(split("", ',').empty());
  EXPECT_TRUE(split(",,", ',').empty());
}

TEST(EditDistance, CountsSteps) {
  EXPECT_EQ(edit_distance("", "", 9), 0u);
  EXPECT_EQ(edit_distance("", "abc", 9), 3u);
  EXPECT_EQ(edit_distance("abc", "", 9), 3u);
  EXPECT_EQ(edit_distance("status", "status", 9), 0u);
  EXPECT_EQ(edit_distance("stauts", "status", 9), 1u);  // swapped
  EXPECT_EQ(edit_distance("statu", "status", 9), 1u);
  EXPECT_EQ(edit_distance("sxatus", "status", 9), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting", 9), 3u);
}

TEST(EditDistance, KnowsNoCase) {
  EXPECT_EQ(edit_distance("execstart", "ExecStart", 2), 0u);
}

TEST(EditDistance, FurtherThanTheLimitIsOneNumber) {
  EXPECT_EQ(edit_distance("kitten", "sitting", 2), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting", 0), 1u);
  EXPECT_EQ(edit_distance("", "abcdef", 3), 4u);
  const std::string long_one(kLongestWord + 1, 'a');
  EXPECT_EQ(edit_distance(long_one, long_one + "b", 3), 4u);
}

/// The band and the early end change nothing within the limit.
TEST(EditDistance, EachLimitSaysTheSame) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto word = [&] {
      std::string text(random() % 9, 'a');
      for (char& c : text) c = static_cast<char>('a' + random() % 3);
      return text;
    };
    const std::string a = word();
    const std::string b = word();
    const std::size_t whole = edit_distance(a, b, 20);
    ASSERT_EQ(whole, edit_distance(b, a, 20)) << a << " " << b;
    for (std::size_t limit = 0; limit < 6; ++limit) {
      ASSERT_EQ(edit_distance(a, b, limit), std::min(whole, limit + 1)) << a << " " << b << limit;
    }
  }
}

}  // namespace
}  // namespace nines
