#include "sys/own_program.h"

#include <gtest/gtest.h>

#include "sys/file.h"

namespace nines::sys {
namespace {

TEST(OwnProgram, IsWhatRuns) {
  const auto path = own_program();
  ASSERT_TRUE(path);
  EXPECT_TRUE(exists(*path)) << *path;
  EXPECT_TRUE(path->ends_with("sys_test")) << *path;
}

TEST(OwnProgram, LiesBesideTheOthers) {
  EXPECT_EQ(beside("/usr/bin/nines", "ninesd"), "/usr/bin/ninesd");
  EXPECT_EQ(beside("/nines", "ninesd"), "/ninesd");
  EXPECT_EQ(beside("nines", "ninesd"), "ninesd");
}

TEST(OwnProgram, IsNamedWithoutTheMarkOfItsRemoval) {
  EXPECT_EQ(without_deleted_mark("/usr/bin/nines (deleted)"), "/usr/bin/nines");
  EXPECT_EQ(without_deleted_mark("/usr/bin/nines"), "/usr/bin/nines");
  EXPECT_EQ(without_deleted_mark("/tmp/a (deleted) (deleted)"), "/tmp/a (deleted)");
}

}  // namespace
}  // namespace nines::sys
