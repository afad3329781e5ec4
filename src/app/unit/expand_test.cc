#include "app/unit/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nines::unit {
namespace {

using ::testing::ElementsAre;

const std::map<std::string, std::string> kEnvironment{
    {"ONE", "one"},  {"TWO", "two two"}, {"QUOTED", "a 'b c' \"d\""},
    {"BAD", "it's"}, {"EMPTY", ""},      {"MAINPID", "42"}};

std::vector<std::string> expand(std::vector<std::string> arguments, bool no_expand = false) {
  ExecCommand command;
  command.path = "/bin/x";
  command.argv = std::move(arguments);
  command.no_expand = no_expand;
  auto expanded = expand_command(command, kEnvironment);
  return expanded ? *expanded : std::vector<std::string>{"<error>"};
}

// The examples of systemd.service(5).
TEST(Expand, BracesStayOneWord) {
  EXPECT_THAT(expand({"echo", "${ONE}", "${TWO}", "a${ONE}b${TWO}c"}),
              ElementsAre("echo", "one", "two two", "aonebtwo twoc"));
}
TEST(Expand, AWordOfItsOwnIsSplit) {
  EXPECT_THAT(expand({"echo", "$ONE", "$TWO", "$QUOTED"}),
              ElementsAre("echo", "one", "two", "two", "a", "b c", "d"));
}
TEST(Expand, UnsetAndEmpty) {
  EXPECT_THAT(expand({"echo", "$NONE", "$EMPTY", "${NONE}", "${EMPTY}", "x${NONE}y"}),
              ElementsAre("echo", "", "", "xy"));
}
TEST(Expand, DollarsThatMeanThemselves) {
  EXPECT_THAT(expand({"sh", "-c", "a$$b", "$$ONE", "x$ONE", "$", "a$", "[ $? -eq 0 ]", "${ONE"}),
              ElementsAre("sh", "-c", "a$b", "$ONE", "x$ONE", "$", "a$", "[ $? -eq 0 ]", "${ONE"));
}
TEST(Expand, UnbalancedQuotesInAValueAreLiteral) {
  EXPECT_THAT(expand({"x", "$BAD"}), ElementsAre("x", "it's"));
}
TEST(Expand, NotAtAllWithTheColonPrefix) {
  EXPECT_THAT(expand({"x", "$ONE", "${TWO}", "$$"}, true),
              ElementsAre("x", "$ONE", "${TWO}", "$$"));
}
TEST(Expand, MainPid) {
  EXPECT_THAT(expand({"/bin/kill", "-HUP", "$MAINPID"}), ElementsAre("/bin/kill", "-HUP", "42"));
}
TEST(Expand, NeverWithoutAnArgumentZero) {
  EXPECT_THAT(expand({}), ElementsAre("/bin/x"));
  EXPECT_THAT(expand({"$NONE"}), ElementsAre("/bin/x"));
}
TEST(Expand, IsBounded) {
  const std::map<std::string, std::string> environment{{"BIG", std::string(1 << 20, 'x')}};
  ExecCommand command;
  command.path = "/bin/x";
  command.argv = {"x", ""};
  for (int i = 0; i < 100; ++i) command.argv[1] += "${BIG}";
  const auto expanded = expand_command(command, environment);
  ASSERT_FALSE(expanded.has_value());
  EXPECT_EQ(expanded.error().code(), ErrorCode::kLimit);
}

}  // namespace
}  // namespace nines::unit
