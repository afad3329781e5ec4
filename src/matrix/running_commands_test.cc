#include "matrix/running_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

namespace nines::matrix {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;

Command shell(std::string script) {
  return {"/bin/sh", "-c", std::move(script)};
}

TEST(RunningCommands, BringsWhatAProgramSays) {
  RunningCommands commands(boot_now() + std::chrono::minutes(1));
  const Answer answer = commands.answer(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(answer.how, Answer::How::kExited);
  EXPECT_EQ(answer.code, 3);
  EXPECT_EQ(answer.out, "out\n");
  EXPECT_EQ(answer.err, "err\n");
}

TEST(RunningCommands, RunsEachOnceAndWithoutOurEnvironment) {
  ASSERT_EQ(::setenv("NINES_TEST_LEAK", "1", 1), 0);
  RunningCommands commands(boot_now() + std::chrono::minutes(1));
  const Command command = shell("echo $$ $NINES_TEST_LEAK");
  commands.begin(command);
  const std::string first = commands.answer(command).out;
  EXPECT_EQ(commands.answer(command).out, first);
  EXPECT_THAT(first, testing::MatchesRegex("[0-9]+\n"));
}

TEST(RunningCommands, TakesMoreThanAPipeHolds) {
  RunningCommands commands(boot_now() + std::chrono::minutes(1));
  EXPECT_EQ(commands.answer({"/usr/bin/head", "-c", "1000000", "/dev/zero"}).out.size(),
            1'000'000U);
}

TEST(RunningCommands, EndsWhatIsLateWithItsChildren) {
  RunningCommands commands(boot_now() + std::chrono::milliseconds(200));
  // The child keeps the pipe open; its pid is what we look for afterwards.
  const Answer answer = commands.answer(shell("sleep 1000 & echo $!; wait"));
  EXPECT_EQ(answer.how, Answer::How::kTooLate);
  if (answer.out.empty()) GTEST_SKIP() << "the machine was too busy to start a shell in 200 ms";
  const pid_t child = std::stoi(answer.out);
  // Killed with its parent; init reaps it in its own time.
  while (::kill(child, 0) == 0) {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string text{std::istreambuf_iterator<char>(stat), {}};
    if (text.empty() || text.find(") Z ") != std::string::npos) break;
  }
}

TEST(RunningCommands, SaysWhatCouldNotBeStarted) {
  RunningCommands commands(boot_now() + std::chrono::minutes(1));
  const Answer answer = commands.answer({"/no/such/program"});
  EXPECT_EQ(answer.how, Answer::How::kNotRun);
  EXPECT_THAT(answer.err, HasSubstr("/no/such/program"));
}

TEST(RunningCommands, NamesTheSignal) {
  RunningCommands commands(boot_now() + std::chrono::minutes(1));
  const Answer answer = commands.answer(shell("kill -SEGV $$"));
  EXPECT_EQ(answer.how, Answer::How::kKilled);
  EXPECT_EQ(answer.code, SIGSEGV);
}

}  // namespace
}  // namespace nines::matrix
