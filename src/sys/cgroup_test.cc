// Cgroups of this very machine: made, filled, killed and removed.
#include "sys/cgroup.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "sys/cgroup_mounts.h"
#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/test_child.h"
#include "sys/test_require.h"

namespace nines::sys {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CgroupLive : public testing::Test {
 protected:
  void SetUp() override {
    NINES_REQUIRE_OR_SKIP("cgroup", tree_.usable(), tree_.describe());
    auto made = tree_.unit("test.service");
    ASSERT_TRUE(made.has_value()) << made.error().message();
    cgroup_ = std::move(*made);
    // So that orphans of the tests' processes come to us and not to somebody who lets them lie.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  void TearDown() override {
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    if (cgroup_.valid()) {
      EXPECT_TRUE(cgroup_.kill_all().has_value());
      EXPECT_TRUE(eventually([&] {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        return cgroup_.remove().has_value();
      }));
    }
    tree_.cleanup();
  }

  /// For the child: joins as the child of a spawn does.
  static void join(const Cgroup& cgroup) {
    std::vector<std::string> files = cgroup.procs_files();
    if (!cgroup.v2_path().empty()) files.push_back(cgroup.v2_path() + "/cgroup.procs");
    for (const auto& file : files) {
      if (!write_existing(file, "0")) ::_exit(99);
    }
  }
  std::unique_ptr<TestChild> start(std::function<int()> body) {
    return std::make_unique<TestChild>([this, body = std::move(body)] {
      join(cgroup_);
      return body();
    });
  }
  bool is_member(pid_t pid) const {
    const auto all = cgroup_.processes();
    return all && std::find(all->begin(), all->end(), pid) != all->end();
  }

  CgroupTree tree_ = CgroupTree::detect("nines-test-" + std::to_string(::getpid()));
  Cgroup cgroup_;
};

TEST_F(CgroupLive, HoldsWhoJoinsUntilTheyEnd) {
  EXPECT_THAT(*cgroup_.processes(), IsEmpty());
  EXPECT_FALSE(*cgroup_.populated());
  auto child = start(sleep_forever);
  ASSERT_TRUE(eventually([&] { return is_member(child->pid()); }));
  EXPECT_THAT(*cgroup_.processes(), ElementsAre(child->pid()));
  EXPECT_TRUE(*cgroup_.populated());
  EXPECT_EQ(cgroup_.remove().error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(cgroup_.valid());
  ::kill(child->pid(), SIGKILL);
  child->wait();
  EXPECT_TRUE(eventually([&] { return !*cgroup_.populated(); }));
  EXPECT_THAT(*cgroup_.processes(), IsEmpty());
}

TEST_F(CgroupLive, TheSameNameIsTheSameCgroup) {
  auto child = start(sleep_forever);
  ASSERT_TRUE(eventually([&] { return is_member(child->pid()); }));
  const auto again = tree_.unit("test.service");
  ASSERT_TRUE(again.has_value());
  EXPECT_THAT(*again->processes(), ElementsAre(child->pid()));
  const auto reopened = Cgroup::reopen(cgroup_.paths());
  ASSERT_TRUE(reopened.has_value());
  EXPECT_THAT(*reopened->processes(), ElementsAre(child->pid()));
  EXPECT_EQ(Cgroup::reopen({cgroup_.v2_path() + "-gone", {}}).error().code(), ErrorCode::kGone);
}

TEST_F(CgroupLive, ProcessesBelowBelongToIt) {
  NINES_REQUIRE_OR_SKIP("cgroup-v2", !cgroup_.v2_path().empty(), tree_.describe());
  const std::string below = cgroup_.v2_path() + "/below";
  ASSERT_TRUE(make_directories(below, 0755).has_value());
  TestChild child(
      [&] { return write_existing(below + "/cgroup.procs", "0") ? sleep_forever() : 1; });
  ASSERT_TRUE(eventually([&] { return is_member(child.pid()); }));
  EXPECT_TRUE(*cgroup_.populated());
  ASSERT_TRUE(cgroup_.kill_all().has_value());
  EXPECT_EQ(WTERMSIG(child.wait()), SIGKILL);
  ASSERT_TRUE(eventually([&] { return cgroup_.remove().has_value(); }));
  EXPECT_FALSE(exists(below));
  EXPECT_FALSE(cgroup_.valid());
}

int exit_code_of_one_born_in(const Cgroup& cgroup) {
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup.v2_fd());
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) ::_exit(7);
  int status = 0;
  if (pid < 0 || ::waitpid(static_cast<pid_t>(pid), &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(CgroupLive, WhoIsBornAfterAKillLives) {
  NINES_REQUIRE_OR_SKIP("cgroup-v2", cgroup_.v2_fd() >= 0, tree_.describe());
  EXPECT_FALSE(*cgroup_.renew());
  auto child = start(sleep_forever);
  ASSERT_TRUE(eventually([&] { return is_member(child->pid()); }));
  ASSERT_TRUE(cgroup_.kill_all().has_value());
  EXPECT_EQ(cgroup_.v2_fd(), -1);
  EXPECT_THAT(cgroup_.procs_files(), testing::Contains(cgroup_.v2_path() + "/cgroup.procs"));
  child->wait();
  ASSERT_TRUE(eventually([&] { return cgroup_.renew().has_value(); }));
  ASSERT_GE(cgroup_.v2_fd(), 0);
  EXPECT_EQ(exit_code_of_one_born_in(cgroup_), 7);
}

TEST_F(CgroupLive, AnEarlierRunsDirectoryIsRenewedOnceItIsEmpty) {
  NINES_REQUIRE_OR_SKIP("cgroup-v2", cgroup_.v2_fd() >= 0, tree_.describe());
  ASSERT_TRUE(write_existing(cgroup_.v2_path() + "/cgroup.kill", "1").has_value());
  auto again = tree_.unit("test.service");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->v2_fd(), -1);
  auto child = start(sleep_forever);
  ASSERT_TRUE(eventually([&] { return is_member(child->pid()); }));
  EXPECT_EQ(again->renew().error().code(), ErrorCode::kBusy);
  ::kill(child->pid(), SIGKILL);
  child->wait();
  ASSERT_TRUE(eventually([&] { return again->renew().has_value(); }));
  EXPECT_EQ(exit_code_of_one_born_in(*again), 7);
}

TEST_F(CgroupLive, SignalsReachEveryMemberAndNobodyElse) {
  auto first = start(sleep_forever);
  auto second = start(sleep_forever);
  TestChild stranger(sleep_forever);
  ASSERT_TRUE(eventually([&] { return is_member(first->pid()) && is_member(second->pid()); }));
  ASSERT_TRUE(cgroup_.signal_all(SIGTERM).has_value());
  EXPECT_EQ(WTERMSIG(first->wait()), SIGTERM);
  EXPECT_EQ(WTERMSIG(second->wait()), SIGTERM);
  EXPECT_TRUE(Procfs().is_running(*Procfs().identify(stranger.pid())));
}

/// Forks as fast as it can for as long as it lives; the pids limit and the alarm bound it.
int fork_bomb() {
  for (;;) {
    ::alarm(60);
    (void)::fork();
  }
}

class CgroupForkBomb : public CgroupLive {
 protected:
  void light() {
    const auto refused = cgroup_.apply({.tasks_max = 40});
    NINES_REQUIRE_OR_SKIP("cgroup-pids", refused.empty(), "no pids controller bounds the test");
    bomb_ = start(fork_bomb);
    ASSERT_TRUE(eventually([&] { return cgroup_.processes()->size() >= 30; }));
  }
  bool all_dead() {
    return eventually([&] {
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return !*cgroup_.populated();
    });
  }
  std::unique_ptr<TestChild> bomb_;
};

TEST_F(CgroupForkBomb, KillAllEndsIt) {
  light();
  if (IsSkipped() || HasFatalFailure()) return;
  ASSERT_TRUE(cgroup_.kill_all().has_value());
  EXPECT_TRUE(all_dead());
}

TEST_F(CgroupForkBomb, KillAllEndsItWithoutCgroupKill) {
  light();
  if (IsSkipped() || HasFatalFailure()) return;
  // What there is on a host with v1 only.
  auto v1_only = Cgroup::reopen({"", cgroup_.v1_paths()});
  NINES_REQUIRE_OR_SKIP("cgroup-v1", v1_only.has_value(), "no v1 hierarchy");
  const auto killed = v1_only->kill_all();
  ASSERT_TRUE(killed.has_value()) << killed.error().message();
  EXPECT_TRUE(all_dead());
}

TEST_F(CgroupLive, AnOomKillIsCounted) {
  const auto refused = cgroup_.apply({.memory_max = 16_MiB});
  NINES_REQUIRE_OR_SKIP("cgroup-memory", refused.empty(), "MemoryMax cannot be set");
  const auto before = cgroup_.oom_kills();
  ASSERT_TRUE(before.has_value()) << before.error().message();
  auto child = start([] {
    constexpr std::size_t kSize = 64 << 20;
    void* memory =
        ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    // Locked, so that it cannot go to swap instead; the sanitizer makes a no-op of mlock(3).
    return ::syscall(SYS_mlock, memory, kSize) == 0 ? 1 : 2;
  });
  const int status = child->wait();
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_EQ(*cgroup_.oom_kills(), *before + 1);
}

TEST_F(CgroupLive, AnOrdinaryKillIsNoOomKill) {
  const auto before = cgroup_.oom_kills();
  NINES_REQUIRE_OR_SKIP("cgroup-memory", before.has_value(), before.error().message());
  auto child = start(sleep_forever);
  ASSERT_TRUE(eventually([&] { return is_member(child->pid()); }));
  ASSERT_TRUE(cgroup_.kill_all().has_value());
  child->wait();
  EXPECT_EQ(*cgroup_.oom_kills(), *before);
}

TEST_F(CgroupLive, UsageIsWhatItsProcessesUse) {
  const auto refused = cgroup_.apply({.memory_max = 64_MiB, .tasks_max = 10});
  NINES_REQUIRE_OR_SKIP("cgroup-memory", refused.empty(), "MemoryMax or TasksMax cannot be set");
  auto child = start([] {
    constexpr std::size_t kSize = 8 << 20;
    void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return memory == MAP_FAILED ? 1 : sleep_forever();
  });
  ASSERT_TRUE(eventually([&] { return cgroup_.usage().memory >= 8_MiB; }));
  const CgroupUsage usage = cgroup_.usage();
  EXPECT_LT(*usage.memory, 64_MiB);
  EXPECT_GE(*usage.memory_peak, 8_MiB);
  EXPECT_EQ(usage.tasks, 1U);
  // Counted when the process leaves its CPU, which may be a little later.
  EXPECT_TRUE(eventually([&] { return cgroup_.usage().cpu_usec > 0U; }));
}

TEST_F(CgroupLive, AnAbsentLimitGoesBackToTheDefault) {
  const auto refused = cgroup_.apply({.tasks_max = 1});
  NINES_REQUIRE_OR_SKIP("cgroup-pids", refused.empty(), "TasksMax cannot be set");
  const auto fork_once = [] {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    return pid < 0 ? 1 : 0;
  };
  EXPECT_EQ(WEXITSTATUS(start(fork_once)->wait()), 1);
  EXPECT_THAT(cgroup_.apply({}), IsEmpty());
  EXPECT_EQ(WEXITSTATUS(start(fork_once)->wait()), 0);
}

TEST_F(CgroupLive, FrozenProcessesStandStill) {
  int ticks[2];
  ASSERT_EQ(::pipe2(ticks, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd out(ticks[0]);
  const UniqueFd in(ticks[1]);
  auto child = start([&] {
    for (;;) {
      (void)!::write(in.get(), ".", 1);
      ::poll(nullptr, 0, 1);
    }
    return 0;
  });
  const auto drain = [&] {
    char bytes[4096];
    ssize_t total = 0;
    for (ssize_t n; (n = ::read(out.get(), bytes, sizeof bytes)) > 0;) total += n;
    return total;
  };
  ASSERT_TRUE(eventually([&] { return drain() > 0; }));
  const auto frozen = cgroup_.freeze(true);
  NINES_REQUIRE_OR_SKIP("cgroup-freeze", frozen.has_value(), frozen.error().message());
  drain();
  ::poll(nullptr, 0, 50);
  EXPECT_EQ(drain(), 0);
  ASSERT_TRUE(cgroup_.freeze(false).has_value());
  EXPECT_TRUE(eventually([&] { return drain() > 0; }));
}

TEST(CgroupV1, TheFreezerStopsAndHelpsToKill) {
  std::string directory;
  for (const auto& own : find_own_cgroups({})) {
    const auto& names = own.controllers;
    if (std::find(names.begin(), names.end(), "freezer") != names.end()) {
      directory = own.directory + "/nines-test-" + std::to_string(::getpid());
    }
  }
  NINES_REQUIRE_OR_SKIP("cgroup-v1", !directory.empty() && make_directories(directory, 0755),
                        "no v1 freezer");
  auto cgroup = Cgroup::reopen({"", {directory}});
  ASSERT_TRUE(cgroup.has_value()) << cgroup.error().message();
  {
    TestChild child(
        [&] { return write_existing(directory + "/cgroup.procs", "0") ? sleep_forever() : 1; });
    EXPECT_TRUE(eventually([&] { return *cgroup->populated(); }));
    EXPECT_TRUE(cgroup->freeze(true).has_value());
    EXPECT_EQ(*read_file(directory + "/freezer.state"), "FROZEN\n");
    EXPECT_TRUE(cgroup->kill_all().has_value());
    EXPECT_EQ(WTERMSIG(child.wait()), SIGKILL);
  }
  EXPECT_TRUE(eventually([&] { return cgroup->remove().has_value(); }));
  EXPECT_FALSE(exists(directory));
}

TEST(Cgroup, NoCgroupSaysSo) {
  Cgroup none;
  EXPECT_FALSE(none.valid());
  EXPECT_EQ(none.v2_fd(), -1);
  EXPECT_THAT(*none.processes(), IsEmpty());
  EXPECT_FALSE(*none.populated());
  EXPECT_TRUE(none.kill_all().has_value());
  EXPECT_TRUE(none.signal_all(SIGTERM).has_value());
  EXPECT_EQ(none.freeze(true).error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(none.oom_kills().error().code(), ErrorCode::kUnsupported);
  EXPECT_FALSE(none.usage().memory.has_value());
  EXPECT_THAT(none.apply({.memory_max = 1_MiB, .cpu_quota = 0.5}),
              ElementsAre("MemoryMax", "CPUQuota"));
  EXPECT_THAT(none.apply({}), IsEmpty());
}

}  // namespace
}  // namespace nines::sys
