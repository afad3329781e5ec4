#include "app/supervise/log_capture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "app/supervise/loop_testing.h"
#include "sys/file.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Of the sanitizers' runtime; GCC ships no header that declares it.
extern "C" std::size_t
__sanitizer_get_current_allocated_bytes();  // NOLINT(bugprone-reserved-identifier)
#endif

namespace nines::supervise {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::run_until;
using ::testing::SizeIs;
using testing::TempDir;

/// What the program has allocated; the sanitizers have an allocator of their own.
std::size_t heap_bytes() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return ::__sanitizer_get_current_allocated_bytes();
#else
  return ::mallinfo2().uordblks;
#endif
}

constexpr std::size_t kStampBytes = std::string_view("2026-11-22T22:08:01.123Z ").size();

// A child with the given descriptors and default signals, as a unit has.
pid_t start_shell(const std::string& script, int in, int out, std::optional<uid_t> user = {}) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::signal(SIGPIPE, SIG_DFL);
  if (in >= 0) ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  if (user && (::setresgid(*user, *user, *user) != 0 || ::setresuid(*user, *user, *user) != 0)) {
    ::_exit(99);
  }
  ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
  ::_exit(98);
}

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid;
}

int wait_status(pid_t pid) {
  int status = -1;
  return ::waitpid(pid, &status, 0) == pid ? status : -1;
}

class LogCaptureTest : public ::testing::Test {
 protected:
  LogCapture::Options options(const std::string& name = "unit") const {
    return {.fifo_path = dir_ / (name + ".fifo"),
            .owner_uid = ::geteuid(),
            .owner_gid = ::getegid(),
            .log = {.path = dir_ / (name + ".log")}};
  }
  std::unique_ptr<LogCapture> open() {
    auto capture = LogCapture::open(loop_, options());
    EXPECT_TRUE(capture) << capture.error().message();
    return capture ? std::move(*capture) : nullptr;
  }
  static UniqueFd writer(const LogCapture& capture) {
    auto fd = capture.writer();
    EXPECT_TRUE(fd) << fd.error().message();
    return fd ? std::move(*fd) : UniqueFd();
  }
  static void write(const UniqueFd& fd, std::string_view text) {
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // The log's lines without their timestamps.
  std::vector<std::string> logged() const {
    std::vector<std::string> out;
    auto lines = tail_log(options().log.path, 100'000);
    if (!lines) return out;
    for (const auto& line : *lines) out.push_back(line.substr(std::min(kStampBytes, line.size())));
    return out;
  }
  bool wait_for_lines(std::size_t count) {
    return run_until(loop_, [&] { return logged().size() >= count; });
  }

  TempDir dir_;
  sys::EventLoop loop_;
};

TEST_F(LogCaptureTest, LinesGetATimestamp) {
  const auto capture = open();
  const UniqueFd out = writer(*capture);
  write(out, "first\n\nthi");
  write(out, "rd \xff\x01\r\n");
  ASSERT_TRUE(wait_for_lines(3));
  EXPECT_THAT(logged(), ElementsAre("first", "", "third \xff\x01\r"));
  EXPECT_THAT(*tail_log(options().log.path, 1),
              Each(MatchesRegex("2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}"
                                "Z third.*")));
}

TEST_F(LogCaptureTest, AnUnfinishedLineComesOutByItself) {
  const auto capture = open();
  const UniqueFd out = writer(*capture);
  write(out, "login: ");
  ASSERT_TRUE(wait_for_lines(1));
  write(out, "done\n");
  ASSERT_TRUE(wait_for_lines(2));
  EXPECT_THAT(logged(), ElementsAre("login: ", "done"));
}

TEST_F(LogCaptureTest, LongLinesAreSplit) {
  const auto capture = open();
  const UniqueFd out = writer(*capture);
  const std::string exact(kMaxLogLineBytes, 'e');
  write(out, exact + "\n" + exact + "x\n");
  write(out, std::string(1000, 'a'));
  capture->drain();
  EXPECT_THAT(logged(), ElementsAre(exact, exact, "x", std::string(1000, 'a')));

  write(out, std::string(kMaxLogLineBytes - 1, 'p'));
  ASSERT_TRUE(run_until(loop_, [&] {  // taken, but not yet ended
    pollfd p{capture->fd(), POLLIN, 0};
    return ::poll(&p, 1, 0) == 0;
  }));
  write(out, "pq\n");
  ASSERT_TRUE(wait_for_lines(6));
  EXPECT_EQ(logged()[4].size() + logged()[5].size(), kMaxLogLineBytes + 1);
}

TEST_F(LogCaptureTest, DrainTakesLastWords) {
  const auto capture = open();
  {
    const UniqueFd out = writer(*capture);
    write(out, "dying\nwithout end");
  }
  capture->drain();
  EXPECT_THAT(logged(), ElementsAre("dying", "without end"));
}

TEST_F(LogCaptureTest, NothingIsLostWhenItCloses) {
  auto capture = open();
  const UniqueFd out = writer(*capture);
  write(out, "a\nb");
  capture.reset();
  EXPECT_THAT(logged(), ElementsAre("a", "b"));
}

TEST_F(LogCaptureTest, EndOfTheUnitIsNoEndOfTheLog) {
  const auto capture = open();
  for (int i = 1; i <= 3; ++i) {
    write(writer(*capture), "instance\n");  // closed at once
    ASSERT_TRUE(wait_for_lines(static_cast<std::size_t>(i)));
  }
  // With all writers gone nothing may wake the loop: a FIFO at end of file would, on and on.
  pollfd p{capture->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&p, 1, 0), 0);
}

TEST_F(LogCaptureTest, TheWriterBlocksAndIsItsOwnReader) {
  const auto capture = open();
  const UniqueFd out = writer(*capture);
  const int flags = ::fcntl(out.get(), F_GETFL);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
  EXPECT_EQ(flags & O_ACCMODE, O_RDWR);
  EXPECT_EQ(::fcntl(out.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(LogCaptureTest, AUnitOutlivesUsWithoutSigpipeAndIsAdopted) {
  auto capture = open();
  UniqueFd out = writer(*capture);
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  UniqueFd go_read(go[0]), go_write(go[1]);
  const std::string written = dir_ / "written";
  const pid_t child =
      start_shell("echo before; read go; echo after; echo error >&2; : > " + written + "; read go",
                  go_read.get(), out.get());
  out.reset();
  ASSERT_TRUE(wait_for_lines(1));
  capture.reset();  // now only the child itself has the FIFO open

  write(go_write, "go\n");
  ASSERT_TRUE(run_until(loop_, [&] { return sys::exists(written) || has_ended(child); }));
  capture = open();
  EXPECT_TRUE(wait_for_lines(3));
  EXPECT_THAT(logged(), ElementsAre("before", "after", "error"));

  write(go_write, "go\n");
  EXPECT_EQ(wait_status(child), 0);
}

TEST_F(LogCaptureTest, AUnitMayOpenItsStdoutAgain) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to start a process as another user";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0711), 0);
  auto opt = options();
  opt.owner_uid = opt.owner_gid = 65534;
  auto capture = LogCapture::open(loop_, opt);
  ASSERT_TRUE(capture) << capture.error().message();
  const UniqueFd out = writer(**capture);
  const pid_t child = start_shell("echo again > /dev/stdout; echo twice >> /dev/stderr", -1,
                                  out.get(), uid_t{65534});
  EXPECT_EQ(wait_status(child), 0);
  (*capture)->drain();
  EXPECT_THAT(logged(), ElementsAre("again", "twice"));
}

TEST_F(LogCaptureTest, RefusesWhatIsNoFifo) {
  const std::string path = options().fifo_path;
  ASSERT_TRUE(sys::replace_file(path, "x", 0600));
  EXPECT_EQ(LogCapture::open(loop_, options()).error().code(), ErrorCode::kExists);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink("/dev/null", path.c_str()), 0);
  EXPECT_EQ(LogCapture::open(loop_, options()).error().code(), ErrorCode::kExists);
  auto missing = options();
  missing.fifo_path = dir_ / "no/such/fifo";
  EXPECT_EQ(LogCapture::open(loop_, missing).error().code(), ErrorCode::kNotFound);
}

TEST_F(LogCaptureTest, WriterIsOursEvenIfThePathIsGone) {
  const auto capture = open();
  ASSERT_EQ(::unlink(options().fifo_path.c_str()), 0);
  write(writer(*capture), "still here\n");
  ASSERT_TRUE(wait_for_lines(1));
}

TEST_F(LogCaptureTest, AnUnwritableLogDoesNotStopTheUnit) {
  auto opt = options();
  opt.log.path = dir_ / "no/such/log";
  auto capture = LogCapture::open(loop_, opt);
  ASSERT_TRUE(capture);
  std::vector<std::string> heard;
  const auto subscription =
      (*capture)->subscribe([&](std::string_view line) { heard.emplace_back(line); });
  write(writer(**capture), "a\nb\n");
  ASSERT_TRUE(run_until(loop_, [&] { return heard.size() == 2; }));
  EXPECT_EQ((*capture)->file().lost_lines(), 2U);
}

TEST_F(LogCaptureTest, SubscribersFollow) {
  auto capture = open();
  const UniqueFd out = writer(*capture);
  std::vector<std::string> all;
  std::vector<std::string> one;
  const auto first = capture->subscribe([&](std::string_view line) { all.emplace_back(line); });
  LogSubscription second;
  second = capture->subscribe([&](std::string_view line) {
    one.emplace_back(line);
    second.reset();  // from within
  });
  write(out, "a\nb\n");
  ASSERT_TRUE(run_until(loop_, [&] { return all.size() == 2; }));
  EXPECT_EQ(all, *tail_log(options().log.path, 9));
  EXPECT_THAT(one, ElementsAre(all[0]));
  {
    const auto short_lived = capture->subscribe([&](std::string_view) { FAIL(); });
  }
  write(out, "c\n");
  ASSERT_TRUE(run_until(loop_, [&] { return all.size() == 3; }));
  EXPECT_THAT(one, SizeIs(1));
  capture.reset();  // before `first` goes
}

TEST_F(LogCaptureTest, AFloodLeavesTheLoopToOthers) {
  const auto flooded = open();
  auto quiet = LogCapture::open(loop_, options("quiet"));
  ASSERT_TRUE(quiet);
  const UniqueFd flood = writer(*flooded);
  ASSERT_EQ(::fcntl(flood.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string block(65536, '\n');
  std::size_t taken = 0;
  const auto refill = flooded->subscribe([&](std::string_view) {
    // Whenever lines were taken, new ones are there at once.
    if (taken++ % 4096 != 0) return;
    EXPECT_NE(::write(flood.get(), block.data(), 4096), 0);
  });
  bool heard = false;
  const auto other = (*quiet)->subscribe([&](std::string_view) { heard = true; });
  EXPECT_GT(::write(flood.get(), block.data(), block.size()), 0);
  write(writer(**quiet), "hello\n");
  ASSERT_TRUE(run_until(loop_, [&] { return heard; }));
  EXPECT_LE(taken, 10U * 65536);
}

TEST_F(LogCaptureTest, PipeSizeIsAnOption) {
  auto opt = options();
  opt.pipe_bytes = 1 << 20;
  auto capture = LogCapture::open(loop_, opt);
  ASSERT_TRUE(capture);
  const int size = ::fcntl((*capture)->fd(), F_GETPIPE_SZ);
  if (size < (1 << 20)) GTEST_SKIP() << "needs CAP_SYS_RESOURCE or a larger pipe-max-size";
  EXPECT_EQ(size, 1 << 20);
  EXPECT_EQ(::fcntl(open()->fd(), F_GETPIPE_SZ), 1 << 20);  // the same FIFO: as it was
}

TEST_F(LogCaptureTest, CostsLittleWhileIdle) {
  constexpr std::size_t kUnits = 200;
  std::vector<std::unique_ptr<LogCapture>> captures;
  captures.reserve(kUnits);
  const auto open_one = [&](std::size_t i) {
    auto capture = LogCapture::open(loop_, options("u" + std::to_string(i)));
    ASSERT_TRUE(capture) << capture.error().message();
    write(writer(**capture), "hello\npartial");
    (*capture)->drain();
    captures.push_back(std::move(*capture));
  };
  open_one(0);
  const std::size_t before = heap_bytes();
  for (std::size_t i = 1; i < kUnits; ++i) open_one(i);
  // Lets go of the cancelled timers.
  for (std::size_t i = 0; i < kUnits; ++i) loop_.run_one(std::chrono::milliseconds(1));
  const std::size_t used = heap_bytes() - before;
  ASSERT_GT(used, 0U);
  // Most of it (560 bytes) is what the event loop keeps for each descriptor.
  RecordProperty("bytes_per_unit", static_cast<int>(used / kUnits));
  EXPECT_LE(used / kUnits, 850U);
  static_assert(sizeof(LogCapture) <= 256);
}

}  // namespace
}  // namespace nines::supervise
