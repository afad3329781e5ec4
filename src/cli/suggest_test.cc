#include "cli/suggest.h"

#include <gtest/gtest.h>

namespace nines::cli {
namespace {

TEST(Nearest, IsWhatWasMeant) {
  const std::vector<std::string> verbs = {"start", "status", "stop", "restart"};
  EXPECT_EQ(nearest("stauts", verbs), "status");
  EXPECT_EQ(nearest("strat", verbs), "start");
  EXPECT_EQ(nearest("re", verbs), "restart");
  EXPECT_EQ(nearest("st", verbs), std::nullopt);  // of three
  EXPECT_EQ(nearest("frobnicate", verbs), std::nullopt);
  EXPECT_EQ(nearest("", verbs), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'a'), verbs), std::nullopt);
}

}  // namespace
}  // namespace nines::cli
