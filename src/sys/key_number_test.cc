#include "sys/key_number.h"

#include <gtest/gtest.h>

namespace nines::sys {
namespace {

TEST(KeyNumber, IsFoundByItsWholeKey) {
  const char* const stat = "inactive_file_x 1\ninactive_file 2\nslab 3";
  EXPECT_EQ(number_of(stat, "inactive_file"), 2U);
  EXPECT_EQ(number_of(stat, "slab"), 3U);
  EXPECT_FALSE(number_of(stat, "inactive"));
  EXPECT_FALSE(number_of("a", "a"));
  EXPECT_FALSE(number_of("a:\n1", "a"));
}

TEST(KeyNumber, MayFollowAColonAndBeOfAnotherBase) {
  EXPECT_EQ(number_of("VmRSS:\t    12 kB\n", "VmRSS"), 12U);
  EXPECT_EQ(number_of("SigBlk:\t0000000000010004\n", "SigBlk", 16), 0x10004U);
  EXPECT_FALSE(number_of("limit max\n", "limit"));
}

}  // namespace
}  // namespace nines::sys
