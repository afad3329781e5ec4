#include "app/unit/syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nines::unit {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Syntax, ReadsSectionsAndAssignments) {
  const SyntaxTree tree =
      parse_syntax("[Unit]\nDescription = a b \n\n[Service]\nExecStart=/bin/x\n");
  ASSERT_THAT(tree.errors, IsEmpty());
  ASSERT_THAT(tree.sections, SizeIs(2));
  ASSERT_THAT(tree.assignments, SizeIs(2));
  EXPECT_EQ(tree.assignments[0].section, "Unit");
  EXPECT_EQ(tree.assignments[0].key, "Description");
  EXPECT_EQ(tree.assignments[0].value, "a b");
  EXPECT_EQ(tree.assignments[0].key_location, (Location{2, 1}));
  EXPECT_EQ(tree.assignments[0].locate(0), (Location{2, 15}));
  EXPECT_EQ(tree.assignments[0].locate(2), (Location{2, 17}));
}

TEST(Syntax, KeepsTheLineAndColumnOfEveryContinuedPart) {
  const SyntaxTree tree =
      parse_syntax("[S]\nK=one \\\n  two \\\n# a comment does not end it\n  three\nL=x\n");
  ASSERT_THAT(tree.assignments, SizeIs(2));
  const Assignment& assignment = tree.assignments[0];
  // The backslash becomes a space.
  EXPECT_EQ(assignment.value, "one    two    three");
  EXPECT_EQ(assignment.locate(assignment.value.find("two")), (Location{3, 3}));
  EXPECT_EQ(assignment.locate(assignment.value.find("three")), (Location{5, 3}));
  EXPECT_EQ(tree.assignments[1].key_location, (Location{6, 1}));
}

TEST(Syntax, OnlyAnOddNumberOfBackslashesContinues) {
  const SyntaxTree tree = parse_syntax("[S]\nA=x\\\\\nB=y\\\\\\\nz\n");
  ASSERT_THAT(tree.assignments, SizeIs(2));
  EXPECT_EQ(tree.assignments[0].value, "x\\\\");
  EXPECT_EQ(tree.assignments[1].value, "y\\\\ z");
}

TEST(Syntax, ABackslashAtTheEndOfTheFileEndsTheValue) {
  const SyntaxTree tree = parse_syntax("[S]\nA=x \\");
  ASSERT_THAT(tree.assignments, SizeIs(1));
  EXPECT_EQ(tree.assignments[0].value, "x");
}

TEST(Syntax, SkipsCommentsCarriageReturnsAndTheByteOrderMark) {
  const SyntaxTree tree = parse_syntax("\xef\xbb\xbf# c\r\n; c\r\n[S]\r\nA=1\r\n  # c\r\nB=#2\r\n");
  EXPECT_THAT(tree.errors, IsEmpty());
  ASSERT_THAT(tree.assignments, SizeIs(2));
  EXPECT_EQ(tree.assignments[0].value, "1");
  EXPECT_EQ(tree.assignments[1].value, "#2");
}

TEST(Syntax, CountsColumnsInCharacters) {
  const SyntaxTree tree = parse_syntax("[S]\nA=ä x\n");
  ASSERT_THAT(tree.assignments, SizeIs(1));
  EXPECT_EQ(tree.assignments[0].locate(tree.assignments[0].value.find('x')), (Location{2, 5}));
}

struct Broken {
  std::string text;
  Location at;
  std::string message;
};
class BrokenSyntax : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenSyntax, IsReportedWithItsPlaceAndTheRestIsRead) {
  const SyntaxTree tree = parse_syntax(GetParam().text);
  ASSERT_THAT(tree.errors, SizeIs(1));
  EXPECT_EQ(tree.errors[0].location, GetParam().at);
  EXPECT_THAT(tree.errors[0].message, HasSubstr(GetParam().message));
  ASSERT_FALSE(tree.assignments.empty());
  EXPECT_EQ(tree.assignments.back().key, "Last");
}
INSTANTIATE_TEST_SUITE_P(
    All, BrokenSyntax,
    ::testing::Values(Broken{"[S]\n  no equals\nLast=1", {2, 3}, "no '='"},
                      Broken{"[S]\n=value\nLast=1", {2, 1}, "no name"},
                      Broken{"A=1\n[S]\nLast=1", {1, 1}, "before the first"},
                      Broken{"[S]\n[Open\nLast=1", {2, 1}, "section header"},
                      Broken{"[S]\n[]\nLast=1", {2, 1}, "section header"},
                      Broken{std::string("[S]\nA=1\0\nLast=1", 15), {2, 4}, "NUL"},
                      Broken{"[S]\nA=\xff\nLast=1", {2, 3}, "UTF-8"},
                      Broken{"[S]\nA=1 \\\n\xc3(\nLast=1", {3, 1}, "UTF-8"}));

TEST(Syntax, BoundsALine) {
  const SyntaxTree tree = parse_syntax("[S]\nA=" + std::string(kMaxLineBytes, 'x') + "\nB=1\n");
  ASSERT_THAT(tree.errors, SizeIs(1));
  ASSERT_THAT(tree.assignments, SizeIs(1));
  EXPECT_EQ(tree.assignments[0].key, "B");
}

TEST(Syntax, BoundsALineThatIsContinuedForEver) {
  std::string text = "[S]\nA=";
  while (text.size() < 2 * kMaxLineBytes) text += std::string(1000, 'x') + "\\\n";
  const SyntaxTree tree = parse_syntax(text + "\nB=1\n");
  EXPECT_THAT(tree.errors, SizeIs(1));
}

TEST(Syntax, BoundsTheNumberOfErrorsAndOfAssignments) {
  std::string errors = "[S]\n";
  for (int i = 0; i < 1000; ++i) errors += "x\n";
  EXPECT_THAT(parse_syntax(errors).errors, SizeIs(kMaxSyntaxErrors));
  std::string assignments = "[S]\n";
  for (std::size_t i = 0; i < kMaxAssignments + 10; ++i) assignments += "x=\n";
  const SyntaxTree tree = parse_syntax(assignments);
  EXPECT_THAT(tree.errors, SizeIs(1));
  EXPECT_LE(tree.assignments.size(), kMaxAssignments);
}

TEST(Utf8, AcceptsOnlyWhatTheRfcAllows) {
  EXPECT_EQ(valid_utf8_prefix("aä€😀"), std::string("aä€😀").size());
  EXPECT_EQ(valid_utf8_prefix("a\xc0\x80"), 1u);         // overlong NUL
  EXPECT_EQ(valid_utf8_prefix("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(valid_utf8_prefix("\xf4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(valid_utf8_prefix("\xe2\x82"), 0u);          // cut off
}

}  // namespace
}  // namespace nines::unit
