#include "app/crash/hook.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "sys/test_directory.h"

namespace nines::crash {
namespace {

const HookPaths kPaths = {"/run/nines", "/var/lib/nines", "/usr/lib/nines/nines-crash-pipe"};

TEST(Hook, ItsPatternIsWhatTheKernelTakes) {
  EXPECT_EQ(*pattern_for(Hook::kSocket, kPaths), "@@/run/nines/core.sock");
  EXPECT_EQ(*pattern_for(Hook::kPipe, kPaths),
            "|/usr/lib/nines/nines-crash-pipe %P %d /run/nines /var/lib/nines %F");
}

TEST(Hook, RefusesWhatTheKernelWouldCutOrTakeApart) {
  HookPaths paths = kPaths;
  paths.runtime_dir = "/" + std::string(96, 'x');
  EXPECT_EQ(pattern_for(Hook::kSocket, paths)->size(), 109U) << "107 is the longest socket's path";
  paths.runtime_dir += "x";
  EXPECT_EQ(pattern_for(Hook::kSocket, paths).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(pattern_for(Hook::kPipe, paths).error().code(), ErrorCode::kInvalidArgument);
  for (const char* bad : {"/run/a b", "/run/%p", "/run/a\nb"}) {
    paths.runtime_dir = bad;
    EXPECT_EQ(pattern_for(Hook::kPipe, paths).error().code(), ErrorCode::kInvalidArgument) << bad;
  }
}

TEST(Hook, RemembersWhatWasThereBefore) {
  const sys::TestDirectory directory;
  const std::string state = directory.path() + "/state";
  EXPECT_EQ(read_hook_record(state).error().code(), ErrorCode::kNotFound);
  const HookRecord record = {"|/usr/lib/systemd/systemd-coredump %P %u", "@@/run/nines/core.sock",
                             Others::kFormer};
  ASSERT_TRUE(save_hook_record(state, record));
  struct stat info{};
  ASSERT_EQ(::stat(hook_record_path(state).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  const auto read = read_hook_record(state);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->former, record.former);
  EXPECT_EQ(read->installed, record.installed);
  EXPECT_EQ(read->others, Others::kFormer);
  EXPECT_TRUE(remove_hook_record(state));
  EXPECT_TRUE(remove_hook_record(state));
  EXPECT_EQ(read_hook_record(state).error().code(), ErrorCode::kNotFound);
}

TEST(Hook, ADamagedRecordIsSaidToBe) {
  const sys::TestDirectory directory;
  for (const char* text : {"", "[]", "{}", R"({"former":"core"})",
                           R"({"former":"core","installed":1,"others":"capture"})",
                           R"({"former":"core","installed":"x","others":"none"})"}) {
    directory.write("core-pattern.json", text);
    EXPECT_EQ(read_hook_record(directory.path()).error().code(), ErrorCode::kCorrupt) << text;
  }
}

TEST(Hook, WritesAndReadsBack) {
  const sys::TestDirectory directory;
  const sys::HostRoot root(directory.path());
  EXPECT_EQ(read_pattern(root).error().code(), ErrorCode::kNotFound);
  directory.write("/proc/sys/kernel/core_pattern", "core\n");
  EXPECT_EQ(*read_pattern(root), "core");
  // A file that is longer stays so; the kernel's would not.
  EXPECT_TRUE(write_pattern("|/bin/cat", root));
  EXPECT_EQ(*read_pattern(root), "|/bin/cat");
  EXPECT_EQ(write_pattern("x", root).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::crash
