#include "sys/mountinfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/file.h"

namespace nines::sys {
namespace {

using testing::ElementsAre;

TEST(MountInfo, IsReadFromItsLine) {
  const auto mount = parse_mount(
      R"(36 35 98:0 /mnt1 /mnt\0402\134x rw,noatime master:1 shared:2 - ext4 /dev/root rw,errors=ro)");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->id, 36);
  EXPECT_EQ(mount->device, "98:0");
  EXPECT_EQ(mount->root, "/mnt1");
  EXPECT_EQ(mount->point, R"(/mnt 2\x)");
  EXPECT_EQ(mount->type, "ext4");
  EXPECT_THAT(mount->options, ElementsAre("rw", "errors=ro"));
}

TEST(MountInfo, OtherLinesAreNot) {
  for (const char* line : {"", "-", "36 35 98:0 / /mnt rw", "36 35 98:0 / /mnt rw - ext4 /dev/root",
                           "x 35 98:0 / /mnt rw - ext4 d rw", "36 35 98:0 / - ext4 d rw",
                           "-1 35 98:0 / /mnt rw - ext4 d rw"}) {
    EXPECT_FALSE(parse_mount(line)) << line;
  }
}

TEST(MountInfo, TheKernelsOwnLinesAreAllUnderstood) {
  const auto text = read_file("/proc/self/mountinfo");
  ASSERT_TRUE(text);
  std::size_t begin = 0;
  bool has_root = false;
  while (begin < text->size()) {
    const std::size_t end = text->find('\n', begin);
    const std::string line = text->substr(begin, end - begin);
    const auto mount = parse_mount(line);
    ASSERT_TRUE(mount) << line;
    has_root = has_root || mount->point == "/";
    begin = end + 1;
  }
  EXPECT_TRUE(has_root);
}

}  // namespace
}  // namespace nines::sys
