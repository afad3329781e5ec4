#include "trace/remote_thread.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/test_child.h"
#include "sys/test_directory.h"
#include "trace/attachment.h"
#include "trace/live_states.h"

namespace nines::trace {
namespace {

constexpr std::chrono::seconds kStopWithin{10};

/// tests/targets/live_states, whose threads watch what we do to them.
class RemoteThreadTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = directory_.path() + "/states";
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_TRUE(file);
    ASSERT_EQ(::ftruncate(file.get(), sizeof(LiveStates)), 0);
    void* const shared =
        ::mmap(nullptr, sizeof(LiveStates), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    ASSERT_NE(shared, MAP_FAILED);
    states_ = static_cast<LiveStates*>(shared);
    child_.emplace([path] {
      ::execl(NINES_LIVE_STATES, NINES_LIVE_STATES, path.c_str(), nullptr);
      return 127;
    });
    ASSERT_TRUE(sys::eventually(
        [&] { return states_->ready != 0 && states_->waits > 20 && states_->spins > 20; }));
    instruction_ = find_syscall_instruction(child_->pid()).value_or(RemoteAddress{});
    ASSERT_NE(instruction_, RemoteAddress{});
  }
  void TearDown() override {
    child_.reset();
    if (states_ == nullptr) return;
    ::semctl(static_cast<int>(states_->semaphore), 0, IPC_RMID);
    ::munmap(states_, sizeof *states_);
  }

  ProcessId id() const { return sys::Procfs().identify(child_->pid()).value_or(ProcessId{}); }
  std::string maps() const {
    return sys::read_file(fmt::format("/proc/{}/maps", child_->pid())).value_or("");
  }
  /// Every thread, in turns, calls `work`.
  template <typename Work>
  void with_each_thread(int round, Work work) {
    auto attached = Attachment::attach(id(), boot_now() + kStopWithin);
    ASSERT_TRUE(attached) << attached.error().message();
    ASSERT_TRUE(attached->all_stopped());
    const auto threads = attached->threads();
    auto borrowed = RemoteThread::borrow(threads[static_cast<std::size_t>(round) % threads.size()],
                                         instruction_);
    ASSERT_TRUE(borrowed) << borrowed.error().message();
    work(*borrowed);
    const auto given = borrowed->give_back();
    ASSERT_TRUE(given) << given.error().message();
  }

  sys::TestDirectory directory_;
  std::optional<sys::TestChild> child_;
  LiveStates* states_ = nullptr;
  RemoteAddress instruction_{};
};

TEST_F(RemoteThreadTest, MakesSystemCalls) {
  const std::string before = maps();
  with_each_thread(0, [&](RemoteThread& thread) {
    EXPECT_EQ(thread.system_call(SYS_getpid, {}).value_or(-1), child_->pid());
    EXPECT_EQ(thread.system_call(SYS_close, {~0ULL}).value_or(0), -EBADF);
    const auto refused = thread.checked_call("close", SYS_close, {~0ULL});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().errno_value(), EBADF);
    const auto place = thread.checked_call(
        "mmap", SYS_mmap, {0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0});
    ASSERT_TRUE(place);
    EXPECT_NE(maps().find(fmt::format("{:x}-{:x} r--p", *place, *place + 8192)), std::string::npos);
    EXPECT_TRUE(thread.checked_call("munmap", SYS_munmap, {*place, 8192}));
  });
  EXPECT_EQ(maps(), before);
}

TEST_F(RemoteThreadTest, PutsAllStateBackAndInterruptsNothing) {
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    with_each_thread(round, [&](RemoteThread& thread) {
      EXPECT_EQ(thread.system_call(SYS_getpid, {}).value_or(-1), child_->pid());
      EXPECT_EQ(thread.system_call(SYS_sched_yield, {}).value_or(-1), 0);
    });
    if (HasFatalFailure()) return;
  }
  const std::uint64_t spins = states_->spins, waits = states_->waits;
  EXPECT_TRUE(
      sys::eventually([&] { return states_->spins > spins + 20 && states_->waits > waits + 20; }));
  EXPECT_EQ(states_->damaged, 0U);
  EXPECT_EQ(states_->interrupted, 0U);
}

TEST_F(RemoteThreadTest, LosesNoSignal) {
  constexpr std::uint64_t kSignals = 400;
  for (std::uint64_t i = 0; i < kSignals; i += 4) {
    ASSERT_EQ(::sigqueue(child_->pid(), SIGRTMIN, {}), 0);
    with_each_thread(static_cast<int>(i), [&](RemoteThread& thread) {
      for (int n = 0; n < 3; ++n) ASSERT_EQ(::sigqueue(child_->pid(), SIGRTMIN, {}), 0);
      EXPECT_EQ(thread.system_call(SYS_getpid, {}).value_or(-1), child_->pid());
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_TRUE(sys::eventually([&] { return states_->signals == kSignals; })) << states_->signals;
  EXPECT_EQ(states_->damaged, 0U);
}

TEST_F(RemoteThreadTest, AStoppedProcessStaysStopped) {
  const auto stopped = [&] {
    const auto stat = sys::Procfs().stat(child_->pid());
    return stat && stat->state == 'T';
  };
  ::kill(child_->pid(), SIGSTOP);
  ASSERT_TRUE(sys::eventually(stopped));
  with_each_thread(0, [&](RemoteThread& thread) {
    EXPECT_EQ(thread.system_call(SYS_getpid, {}).value_or(-1), child_->pid());
  });
  EXPECT_TRUE(sys::eventually(stopped));
  const std::uint64_t spins = states_->spins;
  ::usleep(50'000);
  EXPECT_EQ(states_->spins, spins);
  ::kill(child_->pid(), SIGCONT);
  EXPECT_TRUE(sys::eventually([&] { return states_->spins > spins + 20; }));
  EXPECT_EQ(states_->damaged, 0U);
}

TEST_F(RemoteThreadTest, OneThatIsKilledMeanwhileIsGone) {
  auto attached = Attachment::attach(id(), boot_now() + kStopWithin);
  ASSERT_TRUE(attached);
  auto borrowed = RemoteThread::borrow(child_->pid(), instruction_);
  ASSERT_TRUE(borrowed);
  ::kill(child_->pid(), SIGKILL);
  EXPECT_TRUE(sys::eventually([&] { return !borrowed->system_call(SYS_getpid, {}); }));
}

}  // namespace
}  // namespace nines::trace
