#include "app/crash/kept_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "sys/file.h"
#include "sys/test_directory.h"

namespace nines::crash {
namespace {

using testing::HasSubstr;

class KeptFiles : public testing::Test {
 protected:
  KeptFiles() {
    root_.write("one/core", "");
    root_.write("two/core", "");
  }
  std::vector<GoneFile> gone(const std::string& content, const std::string& path = "/opt/teapot") {
    root_.write("original", content);
    std::vector<GoneFile> files;
    files.push_back({path, *sys::open_file(root_.path() + "/original", O_RDONLY)});
    return files;
  }
  std::string in(const std::string& name) const { return root_.path() + "/" + name; }
  nlink_t links(const std::string& name) const {
    struct stat info{};
    return ::stat(in(name).c_str(), &info) == 0 ? info.st_nlink : 0;
  }
  std::size_t pooled() const { return sys::list_directory(in("pool"))->size(); }

  sys::TestDirectory root_;
};

TEST_F(KeptFiles, ShareWhatIsEqual) {
  const std::string content(3 << 20, 'x');
  for (const char* crash : {"one", "two"}) {
    const auto kept = keep_files(gone(content), in(crash), in("pool"));
    ASSERT_TRUE(kept) << kept.error().message();
    ASSERT_EQ(kept->size(), 1U);
    EXPECT_EQ(root_.read(std::string(crash) + "/" + kept->front().name), content);
    const auto listed = read_kept_files(in(crash));
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->front().path, "/opt/teapot");
    EXPECT_EQ(listed->front().name, "file-0-teapot");
  }
  EXPECT_EQ(links("one/file-0-teapot"), 3U);
  EXPECT_EQ(pooled(), 1U);
  for (const char* crash : {"one", "two"}) {
    tidy_pool(in("pool"));
    EXPECT_EQ(pooled(), 1U);
    std::filesystem::remove_all(in(crash));
  }
  tidy_pool(in("pool"));
  EXPECT_EQ(pooled(), 0U);
}

TEST_F(KeptFiles, AreComparedAndNotOnlyHashed) {
  ASSERT_TRUE(keep_files(gone("right"), in("one"), in("pool")));
  const auto pool = sys::list_directory(in("pool"));
  ASSERT_EQ(pool->size(), 1U);
  root_.write("pool/" + pool->front(), "forged");
  ASSERT_TRUE(keep_files(gone("right"), in("two"), in("pool")));
  EXPECT_EQ(root_.read("two/file-0-teapot"), "right");
}

TEST_F(KeptFiles, HaveALimit) {
  const auto kept = keep_files(gone("more than four"), in("one"), in("pool"), Bytes{4});
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->front().name, "");
  EXPECT_THAT(kept->front().skipped, HasSubstr("no more than"));
  EXPECT_FALSE(root_.has("one/file-0-teapot"));
  EXPECT_EQ(read_kept_files(in("one"))->size(), 1U);
}

TEST_F(KeptFiles, HaveNamesThatLeadNowhere) {
  const auto kept = keep_files(gone("x", "/opt/\x1b[2J; rm -rf ~"), in("one"), in("pool"));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->front().name, "file-0-__2J__rm_-rf__");
  root_.write("two/files.json",
              R"([{"path":"/a","name":"file-../../x","skipped":""},
                  {"path":"/a","name":"core","skipped":""}])");
  EXPECT_TRUE(read_kept_files(in("two"))->empty());
  root_.write("two/files.json", "[7]");
  EXPECT_EQ(read_kept_files(in("two")).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::crash
