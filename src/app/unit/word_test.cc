#include "app/unit/word.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nines::unit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> split(std::string_view text, WordRule rule) {
  const auto words = split_words(text, rule);
  std::vector<std::string> result;
  if (!words) return {"<error>"};
  for (const Word& word : *words) result.push_back(word.text);
  return result;
}

TEST(Words, QuotesGroupAnywhereInAWord) {
  EXPECT_THAT(split(R"(a "b c" 'd "e' f" g"h "" )", WordRule::kQuoted),
              ElementsAre("a", "b c", "d \"e", "f gh", ""));
  EXPECT_THAT(split("  \t ", WordRule::kQuoted), IsEmpty());
}

TEST(Words, CEscapes) {
  EXPECT_THAT(split(R"(\x41\102\tx "\u00e4\U0001f600" a\sb \"q\" \\)", WordRule::kCEscapes),
              ElementsAre("AB\tx", "ä😀", "a b", "\"q\"", "\\"));
}

TEST(Words, UnknownEscapesStayAsSystemdLeavesThem) {
  EXPECT_THAT(split(R"(a\db \x4 \u12 \000 \xzz)", WordRule::kCEscapes),
              ElementsAre("a\\db", "\\x4", "\\u12", "\\000", "\\xzz"));
}

TEST(Words, ABackslashTakesTheNextCharacterWithoutCEscapes) {
  EXPECT_THAT(split(R"(a\ b \n)", WordRule::kQuoted), ElementsAre("a b", "n"));
}

TEST(Words, UnitNamesKeepTheirBackslashes) {
  EXPECT_THAT(split(R"(dev-sda\x2d1.device "b.service")", WordRule::kKeepEscapes),
              ElementsAre("dev-sda\\x2d1.device", "b.service"));
}

TEST(Words, UnbalancedQuotesAreAnErrorAtTheirPlace) {
  WordReader reader("abc \"def", WordRule::kCEscapes);
  ASSERT_TRUE(reader.next().has_value());
  const auto second = reader.next();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(reader.offset(), 4u);
}

TEST(Words, ABackslashAtTheEndIsAnError) {
  EXPECT_THAT(split("abc\\", WordRule::kCEscapes), ElementsAre("<error>"));
  EXPECT_THAT(split("abc\\", WordRule::kPlain), ElementsAre("abc\\"));
}

TEST(Words, KnowTheirOffset) {
  const auto words = split_words("  a  'b'", WordRule::kQuoted);
  ASSERT_TRUE(words && words->size() == 2);
  EXPECT_EQ((*words)[0].offset, 2u);
  EXPECT_EQ((*words)[1].offset, 5u);
  EXPECT_TRUE((*words)[1].quoted);
}

TEST(UnescapeC, WholeText) {
  EXPECT_EQ(*unescape_c_all("PING\\r\\n"), "PING\r\n");
  EXPECT_FALSE(unescape_c_all("a\\q"));
  EXPECT_FALSE(unescape_c_all("a\\"));
}

}  // namespace
}  // namespace nines::unit
