// How the answers of other programs read.
#include <gtest/gtest.h>

#include "matrix/criu.h"
#include "matrix/disks.h"

namespace nines::matrix {
namespace {

TEST(CriuVersion, IsReadOrNot) {
  EXPECT_EQ(parse_criu_version("Version: 4.2.1\nGitID: v4.2.1\n"), Version(4, 2));
  EXPECT_EQ(parse_criu_version("Version: 3.17.1\n"), Version(3, 17));
  EXPECT_EQ(parse_criu_version("Version: "), std::nullopt);
  EXPECT_EQ(parse_criu_version("Version: 4"), std::nullopt);
  EXPECT_EQ(parse_criu_version(""), std::nullopt);
  EXPECT_EQ(parse_kernel_release("6.18.2-amd64"), Version(6, 18));
  EXPECT_EQ(parse_kernel_release("99999999999999.1"), std::nullopt);
}

TEST(Smartctl, IsReadOrNot) {
  EXPECT_EQ(read_smartctl(R"({"smart_status":{"passed":true}})").state, State::kYes);
  EXPECT_EQ(read_smartctl(R"({"smart_status":{"passed":false}})").state, State::kNo);
  EXPECT_EQ(read_smartctl(R"({"smart_status":{"passed":true},
      "nvme_smart_health_information_log":{"critical_warning":1}})")
                .state,
            State::kNo);
  EXPECT_EQ(read_smartctl(R"({"smart_status":{"passed":"yes"}})").state, State::kUnknown);
  EXPECT_EQ(read_smartctl(R"({"smart_status":[]})").state, State::kUnknown);
  EXPECT_EQ(read_smartctl("[]").state, State::kUnknown);
  EXPECT_EQ(read_smartctl("").state, State::kUnknown);
}

TEST(Shown, CannotDriveATerminal) {
  EXPECT_EQ(shown(" a\x1b[2Jb\n"), "a\\x1b[2Jb");
  EXPECT_EQ(shown("abcdef", 3), "abc...");
}

TEST(Listed, SaysHowManyMore) {
  EXPECT_EQ(listed({}), "");
  EXPECT_EQ(listed({"a", "b"}, 2), "a, b");
  EXPECT_EQ(listed({"a", "b", "c"}, 2), "a, b and 1 more");
}

}  // namespace
}  // namespace nines::matrix
