#include "daemon/runtime_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "sys/file.h"

namespace nines::daemon {
namespace {

class RuntimeDirectory : public testing::Test {
 protected:
  RuntimeDirectory() {
    std::string pattern = "/tmp/nines-runtime-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) home_ = pattern;
  }
  void TearDown() override { remove_runtime_directory(home_); }

  std::string home_;
};

TEST_F(RuntimeDirectory, IsRefusedWhenOthersCanWriteToIt) {
  const std::string path = home_ + "/run";
  EXPECT_TRUE(prepare_runtime_directory(path, true));
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  const Status refused = prepare_runtime_directory(path, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kDenied);
  EXPECT_TRUE(prepare_runtime_directory(path, false));
}

TEST_F(RuntimeDirectory, IsRefusedWhenItIsALink) {
  const std::string link = home_ + "/link";
  ASSERT_EQ(::symlink("/tmp", link.c_str()), 0);
  EXPECT_FALSE(prepare_runtime_directory(link, true));
}

TEST_F(RuntimeDirectory, KnowsWhatIsInMemory) {
  EXPECT_TRUE(is_in_memory("/dev/shm"));
  EXPECT_FALSE(is_in_memory("/proc"));
}

TEST_F(RuntimeDirectory, IsRemovedWithoutFollowingLinks) {
  const std::string kept = home_ + "/kept";
  const std::string gone = home_ + "/gone";
  ASSERT_TRUE(sys::make_directories(kept, 0755));
  ASSERT_TRUE(sys::make_directories(gone + "/deep/er", 0755));
  ASSERT_EQ(::symlink(kept.c_str(), (gone + "/link").c_str()), 0);
  remove_runtime_directory(gone);
  EXPECT_FALSE(sys::exists(gone));
  EXPECT_TRUE(sys::exists(kept));
}

}  // namespace
}  // namespace nines::daemon
