#include "base/id128.h"

#include <gtest/gtest.h>

namespace nines {
namespace {

constexpr std::string_view kText = "0123456789abcdef00fedcba98765432";

TEST(Id128, ComesBackAsItWasWritten) {
  const auto id = Id128::parse(kText);
  ASSERT_TRUE(id);
  EXPECT_FALSE(id->is_null());
  EXPECT_EQ(id->str(), kText);
  EXPECT_EQ(id->bytes()[0], 0x01);
  EXPECT_EQ(id->bytes()[15], 0x32);
  EXPECT_EQ(Id128(id->bytes()), *id);
  EXPECT_NE(*id, Id128());
}

TEST(Id128, OfNothingIsNull) {
  EXPECT_TRUE(Id128().is_null());
  EXPECT_EQ(Id128().str(), "");
  EXPECT_EQ(Id128().digits(), std::string(Id128::kDigits, '0'));
}

TEST(Id128, IsNoOtherText) {
  for (const std::string text :
       {"", "0", "0123456789abcdef00fedcba9876543", "0123456789abcdef00fedcba987654321",
        "0123456789ABCDEF00fedcba98765432", "0123456789abcdef-0fedcba98765432",
        "0123456789abcdefg0fedcba98765432"}) {
    EXPECT_FALSE(Id128::parse(text)) << text;
  }
}

}  // namespace
}  // namespace nines
