#include "trace/attachment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "sys/procfs.h"
#include "sys/test_child.h"
#include "sys/test_directory.h"
#include "trace/live_states.h"

namespace nines::trace {
namespace {

constexpr std::chrono::seconds kStopWithin{10};

/// tests/targets/live_states, whose threads watch what we do to them.
class AttachmentTest : public testing::Test {
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
  }
  void TearDown() override {
    child_.reset();
    if (states_ == nullptr) return;
    ::semctl(static_cast<int>(states_->semaphore), 0, IPC_RMID);
    ::munmap(states_, sizeof *states_);
  }

  ProcessId id() const { return sys::Procfs().identify(child_->pid()).value_or(ProcessId{}); }
  /// While it stands still, calls `work`.
  template <typename Work>
  void stopped(Work work) {
    const auto attached = Attachment::attach(id(), boot_now() + kStopWithin);
    ASSERT_TRUE(attached) << attached.error().message();
    for (const pid_t thread : attached->threads()) ASSERT_TRUE(attached->stopped(thread));
    work();
  }

  sys::TestDirectory directory_;
  std::optional<sys::TestChild> child_;
  LiveStates* states_ = nullptr;
};

TEST_F(AttachmentTest, InterruptsNothing) {
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    stopped([] {});
    if (HasFatalFailure()) return;
  }
  const std::uint64_t spins = states_->spins, waits = states_->waits;
  EXPECT_TRUE(
      sys::eventually([&] { return states_->spins > spins + 20 && states_->waits > waits + 20; }));
  EXPECT_EQ(states_->damaged, 0U);
  EXPECT_EQ(states_->interrupted, 0U);
}

TEST_F(AttachmentTest, LosesNoSignal) {
  constexpr std::uint64_t kSignals = 400;
  for (std::uint64_t i = 0; i < kSignals; i += 4) {
    ASSERT_EQ(::sigqueue(child_->pid(), SIGRTMIN, {}), 0);
    stopped([&] {
      for (int n = 0; n < 3; ++n) ASSERT_EQ(::sigqueue(child_->pid(), SIGRTMIN, {}), 0);
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_TRUE(sys::eventually([&] { return states_->signals == kSignals; })) << states_->signals;
}

TEST_F(AttachmentTest, AStoppedProcessStaysStopped) {
  const auto is_stopped = [&] {
    const auto stat = sys::Procfs().stat(child_->pid());
    return stat && stat->state == 'T';
  };
  ::kill(child_->pid(), SIGSTOP);
  ASSERT_TRUE(sys::eventually(is_stopped));
  stopped([] {});
  EXPECT_TRUE(sys::eventually(is_stopped));
  const std::uint64_t spins = states_->spins;
  ::usleep(50'000);
  EXPECT_EQ(states_->spins, spins);
  ::kill(child_->pid(), SIGCONT);
  EXPECT_TRUE(sys::eventually([&] { return states_->spins > spins + 20; }));
}

TEST_F(AttachmentTest, OneThatIsKilledMeanwhileIsItsParentsToReap) {
  // Traced by a process of its own, as always in use: what its tracer reaps of a process whose
  // parent it is as well, is gone.
  sys::TestChild tracer([&] {
    stopped([&] { ::kill(child_->pid(), SIGKILL); });
    return HasFatalFailure() ? 1 : 0;
  });
  EXPECT_EQ(tracer.wait(), 0);
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child_->pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(info.si_status, SIGKILL);
}

}  // namespace
}  // namespace nines::trace
