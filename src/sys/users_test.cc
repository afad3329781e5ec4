#include "sys/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace nines::sys {
namespace {

TEST(Users, RootByNameAndNumber) {
  for (const char* text : {"root", "0"}) {
    const auto user = resolve_user(text);
    ASSERT_TRUE(user.has_value()) << user.error().message();
    EXPECT_EQ(user->name, "root");
    EXPECT_EQ(user->uid, 0U);
    EXPECT_EQ(user->gid, 0U);
    EXPECT_EQ(user->home, "/root");
    EXPECT_FALSE(user->shell.empty());
  }
}

TEST(Users, AnErrorNamesWhoIsMissing) {
  const auto user = resolve_user("no-such-user");
  ASSERT_FALSE(user.has_value());
  EXPECT_EQ(user.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(user.error().subject(), "no-such-user");
  EXPECT_EQ(resolve_user("4000000000").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(resolve_user("4294967295").error().code(), ErrorCode::kNotFound) << "(uid_t)-1";
  EXPECT_EQ(resolve_user("-1").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(resolve_user("0x0").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(resolve_user("").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(resolve_group("no-such-group").error().subject(), "no-such-group");
}

TEST(Users, Groups) {
  EXPECT_EQ(*resolve_group("root"), 0U);
  EXPECT_EQ(*resolve_group("12345"), 12345U);
  EXPECT_EQ(resolve_group("65535").error().code(), ErrorCode::kNotFound) << "(gid_t)-1 of 16 bits";
  const auto groups = groups_of("root", 4321);
  ASSERT_TRUE(groups.has_value());
  EXPECT_THAT(*groups, testing::Contains(4321U));
  EXPECT_TRUE(std::is_sorted(groups->begin(), groups->end()));
  EXPECT_THAT(*groups_of("no-such-user", 7), testing::ElementsAre(7U));
}

TEST(Users, NamesForPeople) {
  EXPECT_EQ(user_name(0), "root");
  EXPECT_EQ(group_name(0), "root");
  EXPECT_EQ(user_name(4000000000U), "4000000000");
  EXPECT_EQ(group_name(4000000000U), "4000000000");
}

}  // namespace
}  // namespace nines::sys
