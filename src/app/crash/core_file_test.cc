#include "app/crash/core_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/test_directory.h"

namespace nines::crash {
namespace {

TEST(CoreFile, PatternsThatLeadToAProgramOrASocketAreNoFiles) {
  EXPECT_TRUE(is_file_pattern("core\n"));
  EXPECT_TRUE(is_file_pattern("/var/cores/%e.%p"));
  for (const char* pattern : {"", "\n", "|/usr/bin/apport %p", "@/run/core.sock", "@@/run/c"}) {
    EXPECT_FALSE(is_file_pattern(pattern)) << pattern;
  }
}

TEST(CoreFile, DirectoriesAreThoseOfTheProcess) {
  EXPECT_EQ(core_directory("core\n", "", "/srv/app"), "/srv/app");
  EXPECT_EQ(core_directory("core", "", "/"), "/");
  EXPECT_EQ(core_directory("/cores/%e.%p\n", "", "/srv"), "/cores");
  EXPECT_EQ(core_directory("/core", "", "/srv"), "/");
  EXPECT_EQ(core_directory("/cores/%p", "/jail", "/srv"), "/jail/cores");
  EXPECT_EQ(core_directory("core", "/jail", "/srv"), "/jail/srv");
  EXPECT_EQ(core_directory("core", "/", "/srv"), "/srv");
  EXPECT_EQ(core_directory("dumps/core", "", "/srv"), "/srv/dumps");
  EXPECT_EQ(core_directory("/cores/%e/%p", "", "/srv"), "") << "of whose name?";
  EXPECT_EQ(core_directory("core", "", "~"), "");
}

TEST(CoreFile, NamesAreAsThePatternSays) {
  EXPECT_TRUE(is_named_by("core\n", "core"));
  EXPECT_TRUE(is_named_by("core", "core.4711")) << "core_uses_pid";
  EXPECT_FALSE(is_named_by("core", "core.txt"));
  EXPECT_FALSE(is_named_by("core", "score"));
  EXPECT_TRUE(is_named_by("/cores/%e-%p.core", "redis-12.core"));
  EXPECT_FALSE(is_named_by("/cores/%e-%p.core", "redis.core"));
  EXPECT_TRUE(is_named_by("100%%-%p", "100%-3"));
  EXPECT_TRUE(is_named_by("a*b[1]", "a*b[1]")) << "only the kernel's own signs mean something";
  EXPECT_FALSE(is_named_by("a*b", "axxb"));
}

TEST(CoreFile, WhatIsNoCoreOfTheProcessIsNotTaken) {
  const sys::TestDirectory directory;
  directory.write("core", "no core at all");
  directory.write("core.12", "");
  ASSERT_EQ(::symlink("/etc/shadow", (directory.path() + "/core.13").c_str()), 0);
  ASSERT_EQ(::mkfifo((directory.path() + "/core.14").c_str(), 0600), 0);
  const auto found = find_core_file(directory.path(), "core", 12);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(found.error().message().find("none of 2 files"), std::string::npos)
      << found.error().message();
  EXPECT_FALSE(open_core_file(directory.path() + "/core.14", 12)) << "and does not hang";
  EXPECT_FALSE(open_core_file(directory.path() + "/core.13", 12));
  EXPECT_EQ(find_core_file(directory.path() + "/none", "core", 12).error().code(),
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace nines::crash
