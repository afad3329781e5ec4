#include "app/crash/crash_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "app/crash/crash_directory.h"
#include "app/crash/outcome.h"
#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's
#include "sys/test_directory.h"

namespace nines::crash {
namespace {

class CrashStore : public testing::Test {
 protected:
  /// As many crashes as `ages`, each of so many seconds and of 8 KiB.
  std::string add(char digit, long age_s, const std::string& suffix = {}) {
    const std::string name = std::string(32, digit) + suffix;
    const std::string path = store() + "/" + name;
    EXPECT_TRUE(sys::make_directories(path, 0700));
    EXPECT_TRUE(sys::replace_file(path + "/core", std::string(8192, 'c'), 0600));
    const timespec when{::time(nullptr) - age_s, 0};
    const timespec times[2] = {when, when};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    return name;
  }
  bool there(const std::string& name) { return sys::exists(store() + "/" + name); }
  std::string store() const { return directory_.path() + "/crashes"; }

  StoreLimits limits_ = {Bytes{1 << 20}, 10, std::chrono::hours(1), 0};
  sys::TestDirectory directory_;
};

TEST_F(CrashStore, RemovesTheOldestUntilTheLimitsAreKept) {
  const std::string a = add('a', 30), b = add('b', 20), c = add('c', 10);
  limits_.count = 2;
  auto tidied = tidy(store(), "", limits_);
  ASSERT_TRUE(tidied);
  EXPECT_EQ(tidied->removed, 1U);
  EXPECT_EQ(tidied->kept, 2U);
  EXPECT_FALSE(there(a));
  limits_.total = Bytes{8192};
  tidied = tidy(store(), b, limits_);
  ASSERT_TRUE(tidied);
  EXPECT_TRUE(there(b)) << "the one that was just made stays";
  EXPECT_FALSE(there(c));
}

TEST_F(CrashStore, WholeCoresGoBeforeCrashesDo) {
  const std::string a = add('a', 30);
  add('b', 20);
  const std::string c = add('c', 10);
  for (const std::string& name : {a, c}) {
    EXPECT_TRUE(
        sys::replace_file(store() + "/" + name + "/core.zst", std::string(40960, 'w'), 0600));
  }
  EXPECT_EQ(use_of(store()).recent_whole_cores, 2U);
  EXPECT_EQ(use_of(store()).recent_whole_bytes.count, 2 * 40960U);
  limits_.total = Bytes{3 * 8192 + 40960};
  auto tidied = tidy(store(), a, limits_);
  ASSERT_TRUE(tidied);
  EXPECT_EQ(tidied->cores, 1U);
  EXPECT_EQ(tidied->removed, 0U);
  EXPECT_TRUE(there(a + "/core.zst")) << "the one that was just made stays";
  EXPECT_FALSE(there(c + "/core.zst"));
  EXPECT_TRUE(there(c + "/core"));
}

TEST_F(CrashStore, HalfAWholeCoreGoesUnlessSomebodyWritesIt) {
  const std::string dead = add('a', 30);
  auto alive = CrashDirectory::make(store() + "/" + std::string(32, 'b'));
  ASSERT_TRUE(alive && alive->finish());
  const std::string written = std::string(32, 'b') + "/core.zst.part";
  for (const std::string& path : {dead + "/core.zst.part", written}) {
    EXPECT_TRUE(sys::replace_file(store() + "/" + path, "half", 0600));
  }
  limits_.count = 0;
  ASSERT_TRUE(tidy(store(), dead, limits_));
  EXPECT_TRUE(there(dead + "/core.zst.part")) << "it is the caller's own";
  ASSERT_TRUE(tidy(store(), "", {}));
  EXPECT_FALSE(there(dead + "/core.zst.part"));
  EXPECT_TRUE(there(dead));
  EXPECT_TRUE(there(written));
}

TEST_F(CrashStore, KnowsOfWhichCrashThereIsAWholeCore) {
  const std::string a = add('a', 30);
  add('b', 20);
  Outcome outcome;
  outcome.signature = std::string(32, '5');
  EXPECT_TRUE(sys::replace_file(store() + "/" + a + "/capture.json", encode(outcome), 0600));
  EXPECT_FALSE(whole_core_of(store(), outcome.signature));
  EXPECT_TRUE(sys::replace_file(store() + "/" + a + "/core.zst", "w", 0600));
  EXPECT_EQ(whole_core_of(store(), outcome.signature), a);
  EXPECT_FALSE(whole_core_of(store(), std::string(32, '6')));
  EXPECT_FALSE(whole_core_of(store(), ""));
}

TEST_F(CrashStore, RemovesWhatIsTooOld) {
  const std::string a = add('a', 7200), b = add('b', 60);
  EXPECT_EQ(tidy(store(), "", limits_)->removed, 1U);
  EXPECT_FALSE(there(a));
  EXPECT_TRUE(there(b));
}

TEST_F(CrashStore, RemovesHalfOnesThatNobodyHolds) {
  const std::string dead = add('a', 1, kPartSuffix);
  auto alive = CrashDirectory::make(store() + "/" + std::string(32, 'b'));
  ASSERT_TRUE(alive);
  EXPECT_EQ(tidy(store(), "", limits_)->abandoned, 1U);
  EXPECT_FALSE(there(dead));
  ASSERT_TRUE(alive->finish());
  EXPECT_TRUE(there(std::string(32, 'b')));
}

TEST_F(CrashStore, LeavesAloneWhatItDidNotMake) {
  ASSERT_TRUE(sys::make_directories(store() + "/precious", 0700));
  ASSERT_TRUE(sys::make_directories(store() + "/precious.part", 0700));
  add('a', 1);
  limits_.count = 0;
  EXPECT_EQ(tidy(store(), "", limits_)->removed, 1U);
  EXPECT_TRUE(there("precious"));
  EXPECT_TRUE(there("precious.part"));
}

TEST_F(CrashStore, IsTidiedByOneAtATime) {
  add('a', 1);
  const auto other = sys::open_file(store(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(other->get(), LOCK_EX), 0);
  EXPECT_EQ(tidy(store(), "", limits_).error().code(), ErrorCode::kBusy);
}

TEST_F(CrashStore, KeepsAShareOfTheDiskFree) {
  add('a', 1);
  EXPECT_GT(room_in(store(), limits_)->count, 0U);
  limits_.free_percent = 100;
  EXPECT_EQ(room_in(store(), limits_)->count, 0U);
  EXPECT_EQ(tidy(store(), "", limits_)->removed, 1U);
}

TEST_F(CrashStore, ADirectoryThatIsNotFinishedGoes) {
  const std::string path = store() + "/" + std::string(32, 'd');
  {
    auto made = CrashDirectory::make(path);
    ASSERT_TRUE(made);
    EXPECT_EQ(CrashDirectory::make(path).error().code(), ErrorCode::kExists);
    ASSERT_TRUE(sys::replace_file(made->part() + "/core", "half", 0600));
    struct stat info{};
    ASSERT_EQ(::stat(made->part().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
  }
  EXPECT_TRUE(sys::list_directory(store())->empty());
}

}  // namespace
}  // namespace nines::crash
