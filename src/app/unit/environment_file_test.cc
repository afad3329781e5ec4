#include "app/unit/environment_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nines::unit {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

auto variables(std::string_view text) {
  return load_environment_file(text).variables;
}

TEST(EnvironmentFile, PlainLines) {
  EXPECT_THAT(variables("# c\n; c\n\nA=1\n B = two words  \nC=\n"),
              ElementsAre(Pair("A", "1"), Pair("B", "two words"), Pair("C", "")));
}
TEST(EnvironmentFile, Quotes) {
  EXPECT_THAT(variables("A='single \\ $x'\nB=\"double \\\" \\$ "
                        "\\n\"\nC=\"a\"'b'\nD='two\nlines'\nE=\"  kept  \"  \n"),
              ElementsAre(Pair("A", "single \\ $x"), Pair("B", "double \" $ \\n"), Pair("C", "ab"),
                          Pair("D", "two\nlines"), Pair("E", "  kept  ")));
}
TEST(EnvironmentFile, QuotesWithinAWordAreLiteral) {
  EXPECT_THAT(variables("A=it's\nB=a\"b\"\n"), ElementsAre(Pair("A", "it's"), Pair("B", "a\"b\"")));
}
TEST(EnvironmentFile, ContinuationsAndEscapes) {
  EXPECT_THAT(
      variables("A=one \\\n two\nB=a\\ \nC=\"x\\\ny\"\nD=last\\"),
      ElementsAre(Pair("A", "one  two"), Pair("B", "a "), Pair("C", "xy"), Pair("D", "last")));
}
TEST(EnvironmentFile, ABackslashDoesNotContinueAComment) {
  EXPECT_THAT(variables("# c \\\nA=1\n"), ElementsAre(Pair("A", "1")));
}
TEST(EnvironmentFile, WindowsLinesAndNoLastNewline) {
  EXPECT_THAT(variables("\xef\xbb\xbf"
                        "A=1\r\nB=2"),
              ElementsAre(Pair("A", "1"), Pair("B", "2")));
}
TEST(EnvironmentFile, ValuesMayHoldEqualsAndHash) {
  EXPECT_THAT(variables("OPTS=--a=b #c\n"), ElementsAre(Pair("OPTS", "--a=b #c")));
}
TEST(EnvironmentFile, WhatIsWrongIsSkippedAndToldWithItsLine) {
  const auto contents =
      load_environment_file("A=1\nexport B=2\nno equals\n2C=3\nD=\xff\nE=x\0y\nF=4\n"sv);
  EXPECT_THAT(contents.variables, ElementsAre(Pair("A", "1"), Pair("F", "4")));
  ASSERT_THAT(contents.skipped, SizeIs(5));
  EXPECT_EQ(contents.skipped[0].line, 2);
  EXPECT_EQ(contents.skipped[1].line, 3);
  EXPECT_EQ(contents.skipped[4].line, 6);
}
TEST(EnvironmentFile, Empty) {
  EXPECT_THAT(variables(""), IsEmpty());
}

}  // namespace
}  // namespace nines::unit
