#include "trace/stack_text.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <random>

#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/test_child.h"
#include "trace/modules.h"

namespace nines::trace {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

constexpr std::chrono::seconds kStopWithin{10};

/// tests/targets/hang_threads, with all its threads where they hang for good.
class HangThreads {
 public:
  HangThreads()
      : child_([] {
          ::execl(NINES_HANG_THREADS, NINES_HANG_THREADS, nullptr);
          return 127;
        }) {
    EXPECT_TRUE(sys::eventually([this] { return hangs(); }));
  }
  pid_t pid() const { return child_.pid(); }
  ProcessId id() const { return sys::Procfs().identify(pid()).value_or(ProcessId{}); }
  std::string state_of(pid_t thread) const {
    const auto stat = sys::Procfs().stat(thread);
    return stat ? std::string(1, stat->state) : "gone";
  }
  bool all_are(const std::string& state) const {
    const auto threads = sys::Procfs().threads(pid());
    return threads && threads->size() == 4 &&
           std::all_of(threads->begin(), threads->end(),
                       [&](pid_t thread) { return state_of(thread) == state; });
  }
  /// No thread has a tracer.
  bool is_free() const {
    const auto threads = sys::Procfs().threads(pid());
    return threads && std::all_of(threads->begin(), threads->end(), [](pid_t thread) {
             const auto status = sys::read_file(fmt::format("/proc/{}/status", thread));
             return status && status->find("TracerPid:\t0\n") != std::string::npos;
           });
  }

 private:
  // A thread that was only just created may sleep before it is where it shall hang.
  bool hangs() const {
    std::string calls;
    const auto threads = sys::Procfs().threads(pid());
    if (!threads || !all_are("S")) return false;
    for (const pid_t thread : *threads) {
      const auto call = sys::read_file(fmt::format("/proc/{}/syscall", thread));
      if (!call) return false;
      calls += " " + call->substr(0, call->find(' ')) + " ";
    }
    for (const int call : {SYS_futex, SYS_accept4, SYS_clock_nanosleep}) {
      if (calls.find(fmt::format(" {} ", call)) == std::string::npos) return false;
    }
    return true;
  }

  sys::TestChild child_;
};

void expect_all_names(const std::string& text) {
  EXPECT_THAT(text, HasSubstr("hang_in_mutex+0x"));
  EXPECT_THAT(text, HasSubstr("hang_in_sleep+0x"));
  EXPECT_THAT(text, HasSubstr("hang_in_accept+0x"));
  EXPECT_THAT(text, HasSubstr("main+0x"));
}

TEST(StackText, NamesTheFunctionsInWhichThreadsHang) {
  const HangThreads target;
  const auto text = stack_text(target.id(), kStopWithin);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_THAT(*text, HasSubstr(fmt::format("stacks of process {}, 4 threads", target.pid())));
  EXPECT_THAT(*text, HasSubstr(fmt::format("thread {} (hang_threads), state S", target.pid())));
  expect_all_names(*text);
  EXPECT_TRUE(target.is_free());
  EXPECT_TRUE(sys::eventually([&] { return target.all_are("S"); }));
}

TEST(StackText, LeavesAStoppedProcessStopped) {
  const HangThreads target;
  ASSERT_EQ(::kill(target.pid(), SIGSTOP), 0);
  ASSERT_TRUE(sys::eventually([&] { return target.all_are("T"); }));
  const auto text = stack_text(target.id(), kStopWithin);
  ASSERT_TRUE(text) << text.error().message();
  expect_all_names(*text);
  EXPECT_THAT(*text, HasSubstr("state T"));
  EXPECT_TRUE(target.is_free());
  EXPECT_TRUE(target.all_are("T"));
  ASSERT_EQ(::kill(target.pid(), SIGCONT), 0);
  EXPECT_TRUE(sys::eventually([&] { return target.all_are("S"); }));
}

TEST(StackText, SaysThatAProcessIsGone) {
  sys::TestChild child([] { return 0; });
  const pid_t pid = child.pid();
  child.wait();
  const auto text = stack_text(ProcessId{pid}, kStopWithin);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::kGone);
}

TEST(StackText, TakesNoSuccessorForTheProcess) {
  const HangThreads target;
  ProcessId other = target.id();
  other.start = static_cast<StartTime>(static_cast<std::uint64_t>(other.start) - 1);
  const auto text = stack_text(other, kStopWithin);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::kGone);
  EXPECT_TRUE(target.is_free());
}

/// A file of these bytes, as the unwinder gets it.
UniqueFd file_of(const std::string& bytes) {
  UniqueFd fd(::memfd_create("damaged", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return fd;
}

TEST(RenderStacks, DamagedFilesCostNoMoreThanTheNames) {
  const HangThreads target;
  const auto whole = sys::read_file(NINES_HANG_THREADS, 64_MiB);
  ASSERT_TRUE(whole);
  std::mt19937 random(20240229);
  for (int round = 0; round < 40; ++round) {
    std::string bytes = *whole;
    // The headers, then anywhere, then cut off.
    const std::size_t range = round % 2 == 0 ? 4096 : bytes.size();
    for (int i = 0; i < 1 << (round % 12); ++i) {
      bytes[random() % range] = static_cast<char>(random());
    }
    if (round % 5 == 4) bytes.resize(random() % bytes.size());
    auto snapshot = take_snapshot(target.id(), kStopWithin);
    ASSERT_TRUE(snapshot) << snapshot.error().message();
    for (Module& module : snapshot->modules) {
      if (module.file) module.file = file_of(bytes);
    }
    const std::string text = render_stacks(std::move(*snapshot));
    const auto threads = sys::Procfs().threads(target.pid());
    ASSERT_TRUE(threads);
    for (const pid_t thread : *threads) {
      EXPECT_THAT(text, ContainsRegex(fmt::format("thread {} .hang_threads.*\n  #0  0x", thread)))
          << "round " << round;
    }
  }
}

TEST(RenderStacks, NamesOfTheOtherProgramCannotMoveTheCursor) {
  Snapshot snapshot;
  snapshot.pid = 1;
  snapshot.threads.resize(1);
  snapshot.threads[0].comm = "\x1b[2Jx\n";
  EXPECT_EQ(render_stacks(std::move(snapshot)).find('\x1b'), std::string::npos);
}

TEST(Modules, ReadsALineOfMaps) {
  const auto mapping = parse_mapping(
      "7f0a10000000-7f0a10021000 r-xp 00001000 08:01 4711                 /a b/lib c.so");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->start, RemoteAddress{0x7f0a10000000});
  EXPECT_EQ(mapping->end, RemoteAddress{0x7f0a10021000});
  EXPECT_TRUE(mapping->executable);
  EXPECT_EQ(mapping->offset, 0x1000U);
  EXPECT_EQ(mapping->inode, 4711U);
  EXPECT_EQ(mapping->path, "/a b/lib c.so");
}

TEST(Modules, RefusesWhatIsNoLineOfMaps) {
  for (const char* line : {"", "7f0a10000000", "2-1 r-xp 0 08:01 1 /x", "x-y r-xp 0 08:01 1 /x"}) {
    EXPECT_FALSE(parse_mapping(line)) << line;
  }
}

}  // namespace
}  // namespace nines::trace
