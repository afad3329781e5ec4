#include "app/supervise/exec_context.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "app/supervise/launch_testing.h"

namespace nines::supervise {
namespace {

using testing::command;
using testing::exec_of;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::Ran;
using testing::run;
using testing::service_unit;
using testing::shell;
using testing::TemporaryDirectory;

#define NINES_NEEDS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs: root"

/// What the command prints under the unit; a failure of the test if it cannot be started.
Ran must_run(const LaunchInputs& inputs) {
  auto ran = run(inputs);
  EXPECT_TRUE(ran.has_value()) << ran.error().message();
  return ran ? *std::move(ran) : Ran{};
}
std::string output_of(const unit::Unit& unit, const unit::ExecCommand& command) {
  return must_run(LaunchInputs{.unit = unit, .command = command}).output;
}
Error refusal(const LaunchInputs& inputs) {
  const auto launch = build_spawn_request(inputs);
  EXPECT_FALSE(launch.has_value());
  return launch ? Error(ErrorCode::kInternal, "not refused") : launch.error();
}

TEST(ExecContext, RunsWithTheEnvironmentItWasGiven) {
  unit::Unit unit = service_unit();
  exec_of(unit).environment = {{"GREETING", "hello world"}, {"N", "1"}};
  const auto env = command({"env"});
  LaunchInputs inputs{.unit = unit, .command = env};
  inputs.invocation_id = "0123456789abcdef0123456789abcdef";
  inputs.extra_environment = {{"SERVICE_RESULT", "core-dump"}};
  const std::string output = must_run(inputs).output;
  EXPECT_THAT(output, HasSubstr("GREETING=hello world\n"));
  EXPECT_THAT(output, HasSubstr("INVOCATION_ID=0123456789abcdef0123456789abcdef\n"));
  EXPECT_THAT(output, HasSubstr("SERVICE_RESULT=core-dump\n"));
  EXPECT_THAT(output, ::testing::Not(HasSubstr("\nHOME=")));
}

TEST(ExecContext, ExpandsVariablesInArguments) {
  unit::Unit unit = service_unit();
  exec_of(unit).environment = {{"OPTS", "a b"}, {"ONE", "x y"}};
  EXPECT_EQ(output_of(unit, command({"/usr/bin/printf", "[%s]", "$OPTS", "${ONE}"})),
            "[a][b][x y]");
}

TEST(ExecContext, DescriptorsComeFromThreeOnWithTheProcessesOwnPid) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(sys::replace_file(directory / "a", "first", 0600));
  ASSERT_TRUE(sys::replace_file(directory / "b", "second", 0600));
  auto a = sys::open_file(directory / "a", O_RDONLY);
  auto b = sys::open_file(directory / "b", O_RDONLY);
  ASSERT_TRUE(a && b);
  const unit::Unit unit = service_unit();
  const auto script = shell(
      "echo $LISTEN_PID $WATCHDOG_PID $SYSTEMD_EXEC_PID $LISTEN_FDS $LISTEN_FDNAMES "
      "$WATCHDOG_USEC $(cat <&3) $(cat <&4)");
  LaunchInputs inputs{.unit = unit, .command = script};
  inputs.is_main = true;
  inputs.listen_fds = {{"http", a->get()}, {"admin", b->get()}};
  inputs.watchdog = std::chrono::milliseconds(1500);
  const Ran ran = must_run(inputs);
  EXPECT_EQ(ran.output, fmt::format("{0} {0} {0} 2 http:admin 1500000 first second", ran.pid));
}

TEST(ExecContext, ControlCommandsAreNotToldOfDescriptorsOrWatchdog) {
  const auto null = sys::open_file("/dev/null", O_RDONLY);
  ASSERT_TRUE(null.has_value());
  const unit::Unit unit = service_unit();
  const auto script =
      shell("echo [$LISTEN_FDS$LISTEN_PID$WATCHDOG_USEC]; ls /proc/self/fd | wc -l");
  LaunchInputs inputs{.unit = unit, .command = script};
  inputs.listen_fds = {{"http", null->get()}};
  inputs.watchdog = std::chrono::seconds(1);
  // 0, 1, 2, and the one that ls reads the directory by.
  EXPECT_EQ(must_run(inputs).output, "[]\n4");
}

// --- who ---

TEST(ExecContext, SwitchesToTheUser) {
  NINES_NEEDS_ROOT();
  unit::Unit unit = service_unit();
  exec_of(unit).user = "nobody";
  exec_of(unit).supplementary_groups = {"games"};
  const auto script = shell("echo $(id -un):$(id -gn):$(id -Gn):$USER:$LOGNAME:$HOME:$SHELL");
  EXPECT_EQ(output_of(unit, script), "nobody:nogroup:nogroup games:nobody:nobody:/nonexistent:");
  exec_of(unit).group = "daemon";
  EXPECT_THAT(output_of(unit, script), MatchesRegex("nobody:daemon:daemon .*games.*"));
}

TEST(ExecContext, FullPrivilegesKeepOurUser) {
  NINES_NEEDS_ROOT();
  unit::Unit unit = service_unit();
  exec_of(unit).user = "nobody";
  exec_of(unit).no_new_privileges = true;
  exec_of(unit).capability_bounding_set = 0;
  auto script = shell("id -u; grep -c NoNewPrivs:.0 /proc/self/status; echo $USER");
  script.full_privileges = true;
  EXPECT_EQ(output_of(unit, script), "0\n1\nnobody");
  script.full_privileges = false;
  EXPECT_EQ(output_of(unit, script), "65534\n0\nnobody");
}

TEST(ExecContext, AGroupAloneKeepsTheUser) {
  NINES_NEEDS_ROOT();
  unit::Unit unit = service_unit();
  exec_of(unit).group = "games";
  EXPECT_EQ(output_of(unit, shell("echo $(id -un):$(id -gn):$USER")), "root:games:");
}

TEST(ExecContext, RefusesUsersAndGroupsThatDoNotExist) {
  unit::Unit unit = service_unit();
  const auto script = shell("true");
  exec_of(unit).user = "no-such-user";
  Error error = refusal({.unit = unit, .command = script});
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("User=no-such-user"));
  exec_of(unit).user.clear();
  exec_of(unit).group = "no-such-group";
  EXPECT_THAT(refusal({.unit = unit, .command = script}).message(),
              HasSubstr("Group=no-such-group"));
  exec_of(unit).group.clear();
  exec_of(unit).supplementary_groups = {"no-such-group"};
  EXPECT_THAT(refusal({.unit = unit, .command = script}).message(),
              HasSubstr("SupplementaryGroups=no-such-group"));
}

TEST(ExecContext, DynamicUserNeedsOneThatExists) {
  unit::Unit unit = service_unit("nines-no-such-app@7.service");
  exec_of(unit).dynamic_user = true;
  const auto script = shell("id -un");
  const Error error = refusal({.unit = unit, .command = script});
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("DynamicUser=yes"));
  EXPECT_THAT(error.hint(), HasSubstr("useradd --system nines-no-such-app;"));
  NINES_NEEDS_ROOT();
  unit.name = "games.service";
  EXPECT_EQ(output_of(unit, script), "games");
  exec_of(unit).user = "nobody";
  EXPECT_EQ(output_of(unit, script), "nobody");
}

TEST(ExecContext, InUserModeOnlyOurselves) {
  unit::Unit unit = service_unit();
  const auto script = shell("true");
  const LaunchInputs inputs{.unit = unit, .command = script, .user_mode = true};
  exec_of(unit).user = ::getuid() == 65534 ? "root" : "nobody";
  EXPECT_EQ(refusal(inputs).code(), ErrorCode::kDenied);
  EXPECT_THAT(refusal(inputs).message(), HasSubstr("User="));
  exec_of(unit).user = std::to_string(::getuid());
  auto launch = build_spawn_request(inputs);
  ASSERT_TRUE(launch.has_value()) << launch.error().message();
  EXPECT_FALSE(launch->request.credentials.has_value());
  exec_of(unit).group = ::getgid() == 60 ? "root" : "60";
  EXPECT_THAT(refusal(inputs).message(), HasSubstr("Group="));
  exec_of(unit).group.clear();
  exec_of(unit).supplementary_groups = {"987654"};
  EXPECT_THAT(refusal(inputs).message(), HasSubstr("SupplementaryGroups=987654"));
}

// --- where and how ---

TEST(ExecContext, WorkingDirectoryAndUmask) {
  NINES_NEEDS_ROOT();
  const TemporaryDirectory directory;
  unit::Unit unit = service_unit();
  const auto script = shell("pwd; umask");
  EXPECT_EQ(output_of(unit, script), "/\n0022");
  exec_of(unit).working_directory = directory.path();
  exec_of(unit).umask = 0077;
  EXPECT_EQ(output_of(unit, script), directory.path() + "\n0077");
  exec_of(unit).working_directory = "~";
  exec_of(unit).user = "games";
  EXPECT_EQ(output_of(unit, shell("echo $HOME")), "/usr/games");
  EXPECT_EQ(output_of(unit, shell("pwd")), "/usr/games");
}

TEST(ExecContext, AMissingWorkingDirectoryFailsUnlessOptional) {
  unit::Unit unit = service_unit();
  const auto script = shell("pwd");
  exec_of(unit).working_directory = "/no/such/directory";
  const auto ran = run(LaunchInputs{.unit = unit, .command = script});
  ASSERT_FALSE(ran.has_value());
  EXPECT_EQ(ran.error().code(), ErrorCode::kNotFound);
  exec_of(unit).working_directory_optional = true;
  EXPECT_EQ(output_of(unit, script), "/");
}

TEST(ExecContext, RootDirectoryIsWhereTheProgramIsFound) {
  NINES_NEEDS_ROOT();
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "bin");
  std::filesystem::copy_file("/bin/true", directory / "bin/only-inside");
  unit::Unit unit = service_unit();
  exec_of(unit).root_directory = directory.path();
  const auto inside = command({"only-inside"});
  const auto launch = build_spawn_request({.unit = unit, .command = inside});
  ASSERT_TRUE(launch.has_value()) << launch.error().message();
  EXPECT_EQ(launch->request.path, "/bin/only-inside");
  EXPECT_EQ(launch->request.root_directory, directory.path());
  const auto outside = command({"sh"});
  EXPECT_EQ(refusal({.unit = unit, .command = outside}).code(), ErrorCode::kNotFound);
}

TEST(ExecContext, LimitsNiceAffinityAndPrioritiesArriveAtTheProcess) {
  unit::Unit unit = service_unit();
  unit::ExecSettings& exec = exec_of(unit);
  exec.limits[RLIMIT_NOFILE] = {100, 200};
  exec.limits[RLIMIT_CORE] = {0, 0};
  exec.nice = 5;
  exec.oom_score_adjust = 500;
  exec.cpu_affinity = {0};
  exec.io_scheduling_class = 3;
  const auto script = shell(
      "ulimit -Sn; ulimit -Hn; ulimit -c; nice; cat /proc/self/oom_score_adj; "
      "grep Cpus_allowed_list /proc/self/status | cut -f2; ionice");
  EXPECT_EQ(output_of(unit, script), "100\n200\n0\n5\n500\n0\nidle");
  exec.io_scheduling_class.reset();
  exec.io_scheduling_priority = 6;
  EXPECT_EQ(output_of(unit, command({"ionice"})), "best-effort: prio 6");
}

TEST(ExecContext, AnAffinityBeyondTheSupportedIsAnError) {
  unit::Unit unit = service_unit();
  exec_of(unit).cpu_affinity = {0, 5000};
  const auto script = shell("true");
  const Error error = refusal({.unit = unit, .command = script});
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("CPUAffinity="));
}

TEST(ExecContext, NamesTheProgramThatIsMissing) {
  const unit::Unit unit = service_unit();
  const auto missing = command({"/no/such/program"});
  const Error error = refusal({.unit = unit, .command = missing});
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("/no/such/program"));
}

TEST(ExecContext, ATargetHasNoProcesses) {
  unit::Unit unit;
  unit.body = unit::TargetUnit{};
  const auto script = shell("true");
  EXPECT_EQ(refusal({.unit = unit, .command = script}).code(), ErrorCode::kInvalidArgument);
}

TEST(ExecContext, IsBornInItsCgroup) {
  NINES_NEEDS_ROOT();
  const auto tree = sys::CgroupTree::detect(fmt::format("nines-test-exec-{}", ::getpid()));
  if (!tree.usable()) GTEST_SKIP() << "needs: cgroup " << tree.describe();
  {
    auto cgroup = tree.unit("app.service");
    ASSERT_TRUE(cgroup.has_value()) << cgroup.error().message();
    const unit::Unit unit = service_unit();
    const auto script = shell("cat /proc/self/cgroup");
    LaunchInputs inputs{.unit = unit, .command = script};
    inputs.cgroup = &*cgroup;
    EXPECT_THAT(must_run(inputs).output, HasSubstr("/app.service"));
    EXPECT_TRUE(cgroup->remove().has_value());
  }
  tree.cleanup();
}

TEST(ExecContext, OutputFilesAreWrittenAppendedOrTruncated) {
  const TemporaryDirectory directory;
  const std::string path = directory / "out";
  unit::Unit unit = service_unit();
  const auto script = shell("echo one; echo two >&2");
  const auto content_after = [&](unit::OutputKind kind) {
    EXPECT_TRUE(sys::replace_file(path, "0123456789abcdef\n", 0644));
    exec_of(unit).standard_output = {kind, path};
    EXPECT_EQ(must_run({.unit = unit, .command = script}).code, 0);
    return sys::read_file(path).value_or("?");
  };
  EXPECT_EQ(content_after(unit::OutputKind::kFile), "one\ntwo\n89abcdef\n");
  EXPECT_EQ(content_after(unit::OutputKind::kAppend), "0123456789abcdef\none\ntwo\n");
  EXPECT_EQ(content_after(unit::OutputKind::kTruncate), "one\ntwo\n");
}

}  // namespace
}  // namespace nines::supervise
