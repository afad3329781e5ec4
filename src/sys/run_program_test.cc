#include "sys/run_program.h"

#include <gtest/gtest.h>

#include <csignal>

#include "sys/test_child.h"

namespace nines::sys {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.path = "/bin/sh";
  request.argv = {"/bin/sh", "-c", script};
  request.environment = {"PATH=/usr/bin:/bin"};
  return request;
}

Ran run(const std::string& script, Nanoseconds within = seconds(60), OutputLimits limits = {}) {
  auto ran = run_program(shell(script), within, limits);
  EXPECT_TRUE(ran) << ran.error().message();
  return ran ? std::move(*ran) : Ran();
}

TEST(RunProgram, TakesBothOutputsAndTheStatus) {
  const Ran ran = run("echo said; echo complained >&2; exit 3");
  EXPECT_EQ(ran.out, "said\n");
  EXPECT_EQ(ran.err, "complained\n");
  EXPECT_EQ(ran.status.kind, ExitStatus::Kind::kExited);
  EXPECT_EQ(ran.status.value, 3);
  EXPECT_FALSE(ran.too_late);
}

TEST(RunProgram, ToldOfASignal) {
  const Ran ran = run("kill -USR1 $$");
  EXPECT_EQ(ran.status.kind, ExitStatus::Kind::kKilled);
  EXPECT_EQ(ran.status.value, SIGUSR1);
  EXPECT_FALSE(ran.too_late);
}

TEST(RunProgram, KilledAtTheDeadlineWithWhatItStarted) {
  const Ran ran = run("sleep 1000 & echo $!; wait", seconds(2));
  EXPECT_TRUE(ran.too_late);
  EXPECT_EQ(ran.status.value, SIGKILL);
  const pid_t child = std::atoi(ran.out.c_str());
  ASSERT_GT(child, 0);
  // It dies when it runs next; whoever adopts it reaps it some time.
  EXPECT_TRUE(eventually([child] {
    const auto handle = Pidfd::open(child);
    return !handle || handle->has_exited();
  }));
}

TEST(RunProgram, DoesNotWaitForAChildThatHoldsTheOutput) {
  const Ran ran = run("setsid sleep 30 & echo here", seconds(20));
  EXPECT_EQ(ran.out, "here\n");
  EXPECT_TRUE(ran.status.success());
  EXPECT_FALSE(ran.too_late);
}

TEST(RunProgram, WhatIsTooMuchIsDropped) {
  const Ran ran = run("head -c 300000 /dev/zero; echo end >&2", seconds(60), {1000, 2});
  EXPECT_TRUE(ran.status.success());
  EXPECT_TRUE(ran.out_cut);
  EXPECT_EQ(ran.out.size(), 1000U);
  EXPECT_EQ(ran.err, "en");
}

TEST(RunProgram, WhatIsTooMuchEndsItWhereThatIsWanted) {
  const Ran ran = run("exec cat /dev/zero", seconds(60), {1000, 2, true});
  EXPECT_TRUE(ran.out_cut);
  EXPECT_FALSE(ran.too_late);
  EXPECT_EQ(ran.out.size(), 1000U);
  EXPECT_EQ(ran.status.value, SIGKILL);
}

TEST(RunProgram, EndlessTextEndsAtTheDeadline) {
  const Ran ran = run("exec cat /dev/zero >&2", seconds(1), {1000, 2});
  EXPECT_TRUE(ran.too_late);
}

TEST(RunProgram, AProgramThatIsNotThere) {
  SpawnRequest request = shell("");
  request.path = "/no/such/program";
  const auto ran = run_program(request, seconds(1), {});
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code(), ErrorCode::kNotFound);
}

TEST(RunProgram, EndedWithItsOwner) {
  pid_t pid = 0;
  {
    auto program = RunningProgram::start(shell("exec sleep 1000"), {});
    ASSERT_TRUE(program);
    RunningProgram moved = std::move(*program);
    const auto ran = moved.finish(boot_now() + milliseconds(1));
    EXPECT_TRUE(ran.too_late);
    SpawnRequest request = shell("exec sleep 1000");
    request.pid_slot = &pid;
    auto other = RunningProgram::start(request, {});
    ASSERT_TRUE(other);
    ASSERT_GT(pid, 0);
  }
  EXPECT_FALSE(Pidfd::open(pid));
}

}  // namespace
}  // namespace nines::sys
