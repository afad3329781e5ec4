#include "app/crash/log_tail.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/test_directory.h"

namespace nines::crash {
namespace {

using Lines = std::vector<std::string>;

class LogTail : public testing::Test {
 protected:
  Status keep() { return keep_log_tail(directory_.path() + "/unit.log", directory_.path()); }
  sys::TestDirectory directory_;
};

TEST_F(LogTail, KeepsTheLastLines) {
  directory_.write("unit.log", "one\ntwo\n\nthree");
  ASSERT_TRUE(keep());
  EXPECT_EQ(kept_log_lines(directory_.path(), 2), (Lines{"", "three"}));
  EXPECT_EQ(kept_log_lines(directory_.path(), 9), (Lines{"one", "two", "", "three"}));
  directory_.write("unit.log", "one\ntwo\n\nthree\nfour\n");
  ASSERT_TRUE(keep()) << "again, when more has come";
  EXPECT_EQ(kept_log_lines(directory_.path(), 1), (Lines{"four"}));
}

TEST_F(LogTail, OfALongOneWholeLinesOnly) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  directory_.write("unit.log", text);
  ASSERT_TRUE(keep());
  const Lines lines = kept_log_lines(directory_.path(), 100'000);
  EXPECT_LT(lines.size(), 10'000U);
  EXPECT_TRUE(lines.front().starts_with("line 1")) << lines.front();
  EXPECT_EQ(lines.back(), "line 19999");
}

TEST_F(LogTail, WhereThereIsNoneThereIsNone) {
  EXPECT_EQ(keep().error().code(), ErrorCode::kNotFound);
  ASSERT_EQ(::mkfifo((directory_.path() + "/unit.log").c_str(), 0600), 0);
  EXPECT_EQ(keep().error().code(), ErrorCode::kInvalidArgument);
  ASSERT_EQ(::unlink((directory_.path() + "/unit.log").c_str()), 0);
  directory_.write("unit.log", "");
  EXPECT_TRUE(keep());
  EXPECT_TRUE(kept_log_lines(directory_.path(), 3).empty());
}

}  // namespace
}  // namespace nines::crash
