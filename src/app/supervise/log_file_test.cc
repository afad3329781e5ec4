#include "app/supervise/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "app/supervise/loop_testing.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TempDir;

std::string contents(const std::string& path) {
  auto text = sys::read_file(path);
  return text ? *text : "<" + text.error().message() + ">";
}

std::vector<std::string> tail(const std::string& path, std::size_t count) {
  auto lines = tail_log(path, count);
  EXPECT_TRUE(lines) << lines.error().message();
  return lines ? *lines : std::vector<std::string>();
}

void put(const std::string& path, std::string_view text) {
  ASSERT_TRUE(sys::replace_file(path, text, 0600));
}

class LogFileTest : public ::testing::Test {
 protected:
  LogFile::Options options(std::uint64_t max_bytes = 0, unsigned keep = 5) const {
    return {.path = path_, .max_bytes = max_bytes, .keep = keep};
  }
  TempDir dir_;
  const std::string path_ = dir_ / "log";
};

TEST_F(LogFileTest, AppendsAcrossInstances) {
  LogFile(options()).append("a\nb\n");
  LogFile(options()).append("c\n");
  EXPECT_EQ(contents(path_), "a\nb\nc\n");
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0007, 0U);  // a log may hold secrets
}

TEST_F(LogFileTest, RotatesBySizeAndKeepsSoMany) {
  LogFile log(options(10, 2));
  for (const auto* line : {"11111111\n", "2222\n", "3333\n", "44444444\n", "5555555\n"}) {
    log.append(line);
  }
  EXPECT_EQ(contents(path_), "5555555\n");
  EXPECT_EQ(contents(path_ + ".1"), "44444444\n");
  EXPECT_EQ(contents(path_ + ".2"), "2222\n3333\n");  // exactly the limit is within it
  EXPECT_FALSE(sys::exists(path_ + ".3"));
  EXPECT_EQ(log.lost_lines(), 0U);
}

TEST_F(LogFileTest, SizeBeforeARestartCounts) {
  LogFile(options(10)).append("1234567\n");
  LogFile(options(10)).append("abc\n");
  EXPECT_EQ(contents(path_), "abc\n");
  EXPECT_EQ(contents(path_ + ".1"), "1234567\n");
}

TEST_F(LogFileTest, KeepNoneStartsOver) {
  LogFile log(options(10, 0));
  log.append("1234567\n");
  log.append("abc\n");
  EXPECT_EQ(contents(path_), "abc\n");
  EXPECT_FALSE(sys::exists(path_ + ".1"));
}

TEST_F(LogFileTest, HalfALineOfAKilledWriterIsEnded) {
  put(path_, "whole\nhal");
  LogFile(options()).append("new\n");
  EXPECT_EQ(contents(path_), "whole\nhal\nnew\n");
}

TEST_F(LogFileTest, ARemovedFileIsMadeAnew) {
  LogFile log(options());
  log.append("a\n");
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  // It looks at most once a second; so long it may write into the removed file.
  for (int i = 0; i < 600 && !sys::exists(path_); ++i) {
    ::usleep(100'000);
    log.append("b\n");
  }
  EXPECT_EQ(contents(path_), "b\n");
}

TEST_F(LogFileTest, CountsWhatIsLostWhileItCannotBeOpened) {
  const std::string later = dir_ / "later";
  LogFile log({.path = later + "/log"});
  log.append("a\nb\n");
  log.append("c\n");
  EXPECT_EQ(log.lost_lines(), 3U);
  EXPECT_EQ(log.last_errno(), ENOENT);
  ASSERT_TRUE(sys::make_directories(later, 0700));
  log.append("d\n");
  EXPECT_EQ(log.lost_lines(), 0U);
  EXPECT_EQ(log.last_errno(), 0);
  const auto lines = tail(later + "/log", 10);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], EndsWith("Z nines: 3 lines lost: No such file or directory"));
  EXPECT_EQ(lines[1], "d");
}

// On a tmpfs of 64 KiB, seen by one thread only.
void on_small_disk(const std::string& mount_point, const std::function<void()>& body) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a tmpfs";
  int error = 0;
  std::thread([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=65536") != 0) {
      error = errno;
      return;
    }
    body();
  }).join();
  if (error != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN to mount a tmpfs: errno " << error;
}

TEST_F(LogFileTest, AFullDiskLosesLinesAndSaysSo) {
  on_small_disk(dir_.path(), [this] {
    const std::string hog = dir_ / "hog";
    put(hog, std::string(40'000, 'x'));
    LogFile log(options());
    const std::string line(999, 'a');
    for (int i = 0; i < 100; ++i) log.append(line + "\n" + line + "\n" + line + "\n");
    EXPECT_EQ(log.last_errno(), ENOSPC);
    const std::uint64_t lost = log.lost_lines();
    const auto kept = tail(path_, 1000);
    EXPECT_EQ(kept.size() + lost, 300U);
    for (const auto& text : kept) EXPECT_EQ(text, line);  // no torn one among them
    EXPECT_GE(kept.size(), 16U);

    ASSERT_EQ(::unlink(hog.c_str()), 0);
    log.append("again\n");
    EXPECT_EQ(log.lost_lines(), 0U);
    const auto after = tail(path_, 2);
    ASSERT_THAT(after, SizeIs(2));
    EXPECT_THAT(after[0],
                HasSubstr(fmt::format("nines: {} lines lost: No space left on device", lost)));
    EXPECT_EQ(after[1], "again");
  });
}

TEST_F(LogFileTest, RotationOnAFullDiskGoesOn) {
  on_small_disk(dir_.path(), [this] {
    // Three files of 20 KB fit; the oldest goes before the disk is full.
    LogFile log(options(20'000, 1));
    const std::string line(999, 'a');
    for (int i = 0; i < 200; ++i) log.append(line + "\n");
    EXPECT_EQ(log.lost_lines(), 0U);
    EXPECT_EQ(tail(path_, 1000).size() % 20, 0U);
  });
}

class TailTest : public LogFileTest {};

TEST_F(TailTest, LastLines) {
  put(path_, "a\n\nb\nc\n");
  EXPECT_THAT(tail(path_, 1), ElementsAre("c"));
  EXPECT_THAT(tail(path_, 3), ElementsAre("", "b", "c"));
  EXPECT_THAT(tail(path_, 99), ElementsAre("a", "", "b", "c"));
  EXPECT_THAT(tail(path_, 0), IsEmpty());
}

TEST_F(TailTest, EdgesOfFiles) {
  put(path_, "");
  EXPECT_THAT(tail(path_, 5), IsEmpty());
  put(path_, "\n");
  EXPECT_THAT(tail(path_, 5), ElementsAre(""));
  put(path_, "half");
  EXPECT_THAT(tail(path_, 5), ElementsAre("half"));
  put(path_, "\nhalf");
  EXPECT_THAT(tail(path_, 5), ElementsAre("", "half"));
  EXPECT_THAT(tail(path_, 1), ElementsAre("half"));
}

TEST_F(TailTest, GoesOnInRotatedFiles) {
  put(path_, "5\n6\n");
  put(path_ + ".1", "3\n4\n");
  put(path_ + ".2", "1\n2\n");
  put(path_ + ".4", "behind a gap\n");
  EXPECT_THAT(tail(path_, 3), ElementsAre("4", "5", "6"));
  EXPECT_THAT(tail(path_, 99), ElementsAre("1", "2", "3", "4", "5", "6"));
  ASSERT_EQ(::unlink(path_.c_str()), 0);  // in the middle of a rotation
  EXPECT_THAT(tail(path_, 2), ElementsAre("3", "4"));
}

TEST_F(TailTest, MissingLog) {
  EXPECT_EQ(tail_log(path_, 1).error().code(), ErrorCode::kNotFound);
}

TEST_F(TailTest, LinesAcrossBlocksOfReading) {
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i) * 997, 'a' + i % 26));
    text += expected.back() + "\n";
  }
  put(path_, text);
  EXPECT_EQ(tail(path_, 99), expected);
  EXPECT_EQ(tail(path_, 7), std::vector(expected.end() - 7, expected.end()));
}

TEST_F(TailTest, ReadsNoMoreThanItMay) {
  std::string long_line(100'000, 'x');
  long_line += "\nlast\n";
  put(path_, long_line);
  auto lines = tail_log(path_, 99, Bytes{1000});
  ASSERT_TRUE(lines);
  EXPECT_THAT(*lines, ElementsAre("last"));
}

}  // namespace
}  // namespace nines::supervise
