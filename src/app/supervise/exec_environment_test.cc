#include "app/supervise/exec_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "app/supervise/launch_testing.h"

namespace nines::supervise {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using testing::TemporaryDirectory;

/// A variable of our own environment for the length of a test.
class OwnVariable {
 public:
  OwnVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~OwnVariable() { ::unsetenv(name_); }
  OwnVariable(const OwnVariable&) = delete;
  OwnVariable& operator=(const OwnVariable&) = delete;

 private:
  const char* name_;
};

Environment build(const unit::ExecSettings& exec, const ManagerVariables& manager = {},
                  const Identity& identity = {}, bool user_mode = false) {
  auto result = build_environment(exec, identity, manager, user_mode);
  EXPECT_TRUE(result.has_value()) << result.error().message();
  return result ? *std::move(result) : Environment{};
}

TEST(ExecEnvironment, IsSmallUnlessAsked) {
  const OwnVariable secret("NINES_TEST_SECRET", "x");
  const auto variables = build({}).variables;
  EXPECT_THAT(variables, Contains(Pair("PATH", HasSubstr("/usr/bin"))));
  EXPECT_TRUE(variables.contains("LANG"));
  for (const char* name : {"NINES_TEST_SECRET", "HOME", "USER", "NOTIFY_SOCKET", "LISTEN_FDS",
                           "WATCHDOG_USEC", "INVOCATION_ID"}) {
    EXPECT_FALSE(variables.contains(name)) << name;
  }
}

TEST(ExecEnvironment, LaterSourcesWinAndUnsetComesLast) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(sys::replace_file(directory / "a.env", "FROM_FILE=a\nBOTH=\"file\"\n# no\n", 0644));
  ASSERT_TRUE(sys::replace_file(directory / "b.env", "FROM_FILE=b\n", 0644));
  const OwnVariable passed("PASSED", "own");
  const OwnVariable overridden("OVERRIDDEN", "own");
  unit::ExecSettings exec;
  exec.pass_environment = {"PASSED", "OVERRIDDEN", "NOT_SET_ANYWHERE"};
  exec.environment = {{"OVERRIDDEN", "first"}, {"OVERRIDDEN", "unit"}, {"BOTH", "unit"},
                      {"GONE", "1"},           {"KEPT", "1"},          {"LANG", "xx"}};
  exec.environment_files = {{directory / "*.env", false}, {directory / "missing", true}};
  exec.unset_environment = {"GONE", "KEPT=2", "INVOCATION_ID", "LISTEN_PID"};
  ManagerVariables manager;
  manager.invocation_id = "abc";
  manager.set_listen_fds = true;
  manager.listen_fd_names = {"http", "https"};
  const Environment environment = build(exec, manager);
  EXPECT_THAT(environment.variables, Contains(Pair("PASSED", "own")));
  EXPECT_THAT(environment.variables, Contains(Pair("OVERRIDDEN", "unit")));
  EXPECT_THAT(environment.variables, Contains(Pair("BOTH", "file")));
  EXPECT_THAT(environment.variables, Contains(Pair("FROM_FILE", "b")));
  EXPECT_THAT(environment.variables, Contains(Pair("KEPT", "1")));
  EXPECT_THAT(environment.variables, Contains(Pair("LANG", "xx")));
  EXPECT_THAT(environment.variables, Contains(Pair("LISTEN_FDS", "2")));
  EXPECT_THAT(environment.variables, Contains(Pair("LISTEN_FDNAMES", "http:https")));
  EXPECT_FALSE(environment.variables.contains("GONE"));
  EXPECT_FALSE(environment.variables.contains("INVOCATION_ID"));
  EXPECT_FALSE(environment.variables.contains("NOT_SET_ANYWHERE"));
  EXPECT_THAT(environment.pid_variables, ElementsAre("SYSTEMD_EXEC_PID"));
}

TEST(ExecEnvironment, AMissingFileIsAnErrorThatNamesTheDirective) {
  unit::ExecSettings exec;
  exec.environment_files = {{"/no/such/file", false}};
  const auto result = build_environment(exec, {}, {}, false);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(result.error().message(), HasSubstr("EnvironmentFile=: "));
  EXPECT_THAT(result.error().message(), HasSubstr("/no/such/file"));
}

TEST(ExecEnvironment, TellsWhoItIsAndWhereItsDirectoriesAre) {
  unit::ExecSettings exec;
  exec.runtime_directory.names = {"app", "app/sub"};
  exec.state_directory.names = {"app"};
  exec.configuration_directory.names = {"app"};
  Identity identity;
  identity.user = "redis";
  identity.home = "/var/lib/redis";
  const auto variables = build(exec, {}, identity).variables;
  EXPECT_THAT(variables, Contains(Pair("USER", "redis")));
  EXPECT_THAT(variables, Contains(Pair("LOGNAME", "redis")));
  EXPECT_THAT(variables, Contains(Pair("HOME", "/var/lib/redis")));
  EXPECT_FALSE(variables.contains("SHELL"));
  EXPECT_THAT(variables, Contains(Pair("RUNTIME_DIRECTORY", "/run/app:/run/app/sub")));
  EXPECT_THAT(variables, Contains(Pair("STATE_DIRECTORY", "/var/lib/app")));
  EXPECT_THAT(variables, Contains(Pair("CONFIGURATION_DIRECTORY", "/etc/app")));
  EXPECT_FALSE(variables.contains("CACHE_DIRECTORY"));
}

TEST(ExecEnvironment, TellsOfWatchdogAndNotifySocket) {
  ManagerVariables manager;
  manager.notify_socket = "/run/notify";
  manager.watchdog = std::chrono::seconds(3);
  manager.extra = {{"MAINPID", "42"}};
  const Environment environment = build({}, manager);
  EXPECT_THAT(environment.variables, Contains(Pair("WATCHDOG_USEC", "3000000")));
  EXPECT_THAT(environment.variables, Contains(Pair("NOTIFY_SOCKET", "/run/notify")));
  EXPECT_THAT(environment.variables, Contains(Pair("MAINPID", "42")));
  EXPECT_THAT(environment.pid_variables, ElementsAre("SYSTEMD_EXEC_PID", "WATCHDOG_PID"));
}

TEST(ExecEnvironment, WhatTheUnitSetsItselfIsNotSetTwice) {
  unit::ExecSettings exec;
  exec.environment = {{"LISTEN_PID", "7"}};
  ManagerVariables manager;
  manager.set_listen_fds = true;
  const Environment environment = build(exec, manager);
  EXPECT_THAT(environment.variables, Contains(Pair("LISTEN_PID", "7")));
  EXPECT_THAT(environment.pid_variables, Not(Contains("LISTEN_PID")));
}

TEST(ExecEnvironment, AUsersUnitInheritsButNotWhatWasMeantForUs) {
  const OwnVariable mine("NINES_TEST_MINE", "yes");
  const OwnVariable socket("NOTIFY_SOCKET", "/run/ours");
  const OwnVariable fds("LISTEN_FDS", "3");
  const OwnVariable home("HOME", "/elsewhere");
  Identity identity;
  identity.user = "me";
  identity.home = "/home/me";
  const auto variables = build({}, {}, identity, true).variables;
  EXPECT_THAT(variables, Contains(Pair("NINES_TEST_MINE", "yes")));
  EXPECT_THAT(variables, Contains(Pair("HOME", "/elsewhere")));
  EXPECT_TRUE(variables.contains("XDG_RUNTIME_DIR"));
  EXPECT_FALSE(variables.contains("NOTIFY_SOCKET"));
  EXPECT_FALSE(variables.contains("LISTEN_FDS"));
}

}  // namespace
}  // namespace nines::supervise
