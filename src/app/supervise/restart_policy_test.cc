#include "app/supervise/restart_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <nlohmann/json.hpp>

namespace nines::supervise {
namespace {

using sys::ExitStatus;
using unit::RestartPolicy;
using unit::ServiceType;
using Kind = RestartDecision::Kind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ExitStatus exited(int code) {
  return {ExitStatus::Kind::kExited, code};
}
constexpr ExitStatus killed(int signal) {
  return {ExitStatus::Kind::kKilled, signal};
}
constexpr ExitStatus dumped(int signal) {
  return {ExitStatus::Kind::kDumped, signal};
}
constexpr ExitStatus kLost{};
constexpr BootTime at(Nanoseconds since_boot) {
  return BootTime{since_boot.count()};
}

unit::Unit service(std::optional<RestartPolicy> policy = std::nullopt) {
  unit::Unit unit;
  unit.name = "app.service";
  unit::ServiceUnit body;
  body.service.restart = policy;
  unit.body = body;
  return unit;
}
unit::ServiceSection& section(unit::Unit& unit) {
  return std::get<unit::ServiceUnit>(unit.body).service;
}

// --- Restart=, systemd.service(5) table 2 ---

struct TableRow {
  Outcome outcome;
  const char* restarts;  // one letter a policy, in the table's order of columns
};
constexpr std::array kColumns = {RestartPolicy::kNo,         RestartPolicy::kAlways,
                                 RestartPolicy::kOnSuccess,  RestartPolicy::kOnFailure,
                                 RestartPolicy::kOnAbnormal, RestartPolicy::kOnAbort,
                                 RestartPolicy::kOnWatchdog};
constexpr std::array<TableRow, 12> kTable = {{
    {Outcome::kSuccess, "-XX----"},
    {Outcome::kExitCode, "-X-X---"},
    {Outcome::kSignal, "-X-XXX-"},
    {Outcome::kCoreDump, "-X-XXX-"},
    {Outcome::kTimeout, "-X-XX--"},
    {Outcome::kWatchdog, "-X-XX-X"},
    {Outcome::kOomKill, "-X-XX--"},
    {Outcome::kUnhealthy, "-X-XX-X"},
    {Outcome::kStartFailed, "-X-X---"},
    {Outcome::kUnknown, "-X-XX--"},
    {Outcome::kProtocol, "-X-XX--"},
    {Outcome::kSkipped, "-------"},
}};

TEST(RestartPolicy, FollowsTheTableForEveryPolicyAndOutcome) {
  for (const TableRow& row : kTable) {
    for (std::size_t column = 0; column < kColumns.size(); ++column) {
      SCOPED_TRACE(testing::Message() << to_string(row.outcome) << ", column " << column);
      const bool expected = row.restarts[column] == 'X';
      EXPECT_EQ(policy_restarts(kColumns[column], row.outcome), expected);
      RestartState state;
      const auto decision = decide(service(kColumns[column]), row.outcome, kLost, {}, {}, state);
      EXPECT_EQ(decision.kind, expected ? Kind::kRestart : Kind::kStayDown) << decision.reason;
      EXPECT_EQ(state.total_restarts, expected ? 1U : 0U);
      EXPECT_FALSE(decision.reason.empty());
    }
  }
}

TEST(RestartPolicy, UnsetMeansAlwaysButForOneshot) {
  RestartState state;
  unit::Unit unit = service();
  for (const Outcome outcome : {Outcome::kSuccess, Outcome::kExitCode, Outcome::kUnknown}) {
    EXPECT_EQ(decide(unit, outcome, kLost, {}, {}, state).kind, Kind::kRestart);
  }
  section(unit).type = ServiceType::kOneshot;
  for (const Outcome outcome : {Outcome::kSuccess, Outcome::kExitCode, Outcome::kUnknown}) {
    EXPECT_EQ(decide(unit, outcome, kLost, {}, {}, state).kind, Kind::kStayDown);
  }
}

TEST(RestartPolicy, OneshotIsNeverRestartedAfterSuccess) {
  for (const RestartPolicy policy : kColumns) {
    unit::Unit unit = service(policy);
    section(unit).type = ServiceType::kOneshot;
    section(unit).restart_force.codes = {0};
    RestartState state;
    EXPECT_EQ(decide(unit, Outcome::kSuccess, exited(0), {}, {}, state).kind, Kind::kStayDown);
  }
  unit::Unit unit = service(RestartPolicy::kOnFailure);
  section(unit).type = ServiceType::kOneshot;
  RestartState state;
  EXPECT_EQ(decide(unit, Outcome::kExitCode, exited(1), {}, {}, state).kind, Kind::kRestart);
}

TEST(RestartPolicy, ExceptionsOutrankThePolicy) {
  struct Case {
    const char* name;
    RestartPolicy policy;
    unit::ExitStatusSet prevent, force;
    Outcome outcome;
    ExitStatus status;
    Kind expected;
  };
  const std::array<Case, 8> cases = {{
      {"prevented code",
       RestartPolicy::kAlways,
       {{3}, {}},
       {},
       Outcome::kExitCode,
       exited(3),
       Kind::kStayDown},
      {"other code",
       RestartPolicy::kAlways,
       {{3}, {}},
       {},
       Outcome::kExitCode,
       exited(4),
       Kind::kRestart},
      {"prevented signal",
       RestartPolicy::kAlways,
       {{}, {SIGKILL}},
       {},
       Outcome::kSignal,
       killed(SIGKILL),
       Kind::kStayDown},
      {"prevented signal, dumped",
       RestartPolicy::kAlways,
       {{}, {SIGABRT}},
       {},
       Outcome::kCoreDump,
       dumped(SIGABRT),
       Kind::kStayDown},
      {"code is not signal",
       RestartPolicy::kAlways,
       {{9}, {}},
       {},
       Outcome::kSignal,
       killed(SIGKILL),
       Kind::kRestart},
      {"forced code",
       RestartPolicy::kNo,
       {},
       {{3}, {}},
       Outcome::kExitCode,
       exited(3),
       Kind::kRestart},
      {"forced clean exit",
       RestartPolicy::kOnFailure,
       {},
       {{0}, {}},
       Outcome::kSuccess,
       exited(0),
       Kind::kRestart},
      {"prevent beats force",
       RestartPolicy::kAlways,
       {{3}, {}},
       {{3}, {}},
       Outcome::kExitCode,
       exited(3),
       Kind::kStayDown},
  }};
  for (const Case& test : cases) {
    unit::Unit unit = service(test.policy);
    section(unit).restart_prevent = test.prevent;
    section(unit).restart_force = test.force;
    RestartState state;
    EXPECT_EQ(decide(unit, test.outcome, test.status, {}, {}, state).kind, test.expected)
        << test.name;
  }
}

TEST(RestartPolicy, RemainAfterExitKeepsACleanExit) {
  unit::Unit unit = service(RestartPolicy::kAlways);
  section(unit).remain_after_exit = true;
  RestartState state;
  EXPECT_EQ(decide(unit, Outcome::kSuccess, exited(0), {}, {}, state).kind, Kind::kStayDown);
  EXPECT_EQ(decide(unit, Outcome::kExitCode, exited(1), {}, {}, state).kind, Kind::kRestart);
}

TEST(RestartPolicy, SocketsAreNotRestarted) {
  unit::Unit unit;
  unit.body = unit::SocketUnit{};
  RestartState state;
  EXPECT_EQ(decide(unit, Outcome::kUnknown, kLost, {}, {}, state).kind, Kind::kStayDown);
}

// --- what counts as success ---

struct ClassifyCase {
  const char* name;
  ExitStatus status;
  ExitCircumstances circumstances;
  Outcome daemon, oneshot;
};

TEST(Classify, JudgesAsSystemdDoes) {
  unit::ServiceUnit daemon;
  daemon.service.success_exit_status = {{75, 250}, {SIGKILL}};
  unit::ServiceUnit oneshot = daemon;
  oneshot.service.type = ServiceType::kOneshot;
  const std::vector<ClassifyCase> cases = {
      {"exit 0", exited(0), {}, Outcome::kSuccess, Outcome::kSuccess},
      {"exit 1", exited(1), {}, Outcome::kExitCode, Outcome::kExitCode},
      {"listed code", exited(75), {}, Outcome::kSuccess, Outcome::kSuccess},
      {"listed signal", killed(SIGKILL), {}, Outcome::kSuccess, Outcome::kSuccess},
      {"listed signal as code", exited(SIGKILL), {}, Outcome::kExitCode, Outcome::kExitCode},
      {"HUP", killed(SIGHUP), {}, Outcome::kSuccess, Outcome::kSignal},
      {"INT", killed(SIGINT), {}, Outcome::kSuccess, Outcome::kSignal},
      {"TERM", killed(SIGTERM), {}, Outcome::kSuccess, Outcome::kSignal},
      {"PIPE", killed(SIGPIPE), {}, Outcome::kSuccess, Outcome::kSignal},
      {"USR1", killed(SIGUSR1), {}, Outcome::kSignal, Outcome::kSignal},
      {"dumped", dumped(SIGSEGV), {}, Outcome::kCoreDump, Outcome::kCoreDump},
      {"dumped with a listed signal", dumped(SIGKILL), {}, Outcome::kCoreDump, Outcome::kCoreDump},
      {"lost", kLost, {}, Outcome::kUnknown, Outcome::kUnknown},
      {"'-' exit 1", exited(1), {{}, false, true}, Outcome::kSuccess, Outcome::kSuccess},
      {"OOM kill", killed(SIGKILL), {{}, true, false}, Outcome::kOomKill, Outcome::kOomKill},
      {"OOM kill, status lost", kLost, {{}, true, false}, Outcome::kOomKill, Outcome::kOomKill},
      {"helper OOM-killed, main exits",
       exited(1),
       {{}, true, false},
       Outcome::kExitCode,
       Outcome::kExitCode},
      {"watchdog, then exit 0",
       exited(0),
       {Outcome::kWatchdog, false, false},
       Outcome::kWatchdog,
       Outcome::kWatchdog},
      {"unhealthy, then TERM",
       killed(SIGTERM),
       {Outcome::kUnhealthy, false, false},
       Outcome::kUnhealthy,
       Outcome::kUnhealthy},
  };
  for (const ClassifyCase& test : cases) {
    EXPECT_EQ(classify(daemon, test.status, test.circumstances), test.daemon) << test.name;
    EXPECT_EQ(classify(oneshot, test.status, test.circumstances), test.oneshot) << test.name;
  }
}

// --- delays ---

std::vector<Nanoseconds> delays(const unit::Unit& unit, int count) {
  RestartState state;
  std::vector<Nanoseconds> result;
  for (int i = 0; i < count; ++i) {
    result.push_back(decide(unit, Outcome::kSignal, killed(SIGKILL), {}, {}, state).delay);
  }
  return result;
}

TEST(RestartDelay, FirstAtOnceThenDoublesUpToThirtySeconds) {
  EXPECT_THAT(delays(service(), 13),
              testing::ElementsAre(milliseconds(0), milliseconds(100), milliseconds(200),
                                   milliseconds(400), milliseconds(800), milliseconds(1600),
                                   milliseconds(3200), milliseconds(6400), milliseconds(12800),
                                   milliseconds(25600), seconds(30), seconds(30), seconds(30)));
}

TEST(RestartDelay, MaxDelayIsTheCap) {
  unit::Unit unit = service();
  section(unit).restart_max_delay_set = true;
  section(unit).restart_max_delay = milliseconds(250);
  EXPECT_THAT(delays(unit, 5),
              testing::ElementsAre(milliseconds(0), milliseconds(100), milliseconds(200),
                                   milliseconds(250), milliseconds(250)));
}

TEST(RestartDelay, InfiniteCapDoesNotOverflow) {
  unit::ServiceSection section;
  section.restart_max_delay_set = true;
  section.restart_max_delay = std::nullopt;
  EXPECT_EQ(restart_delay(section, 21), milliseconds(100) * (1 << 20));
  EXPECT_EQ(restart_delay(section, 4'000'000'000U), Nanoseconds::max());
}

TEST(RestartDelay, RestartSecIsTheDelayFromTheFirstOn) {
  unit::Unit unit = service();
  section(unit).restart_sec = seconds(5);
  EXPECT_THAT(delays(unit, 3), testing::Each(Nanoseconds(seconds(5))));
  section(unit).restart_sec = Nanoseconds(0);
  EXPECT_THAT(delays(unit, 3), testing::Each(Nanoseconds(0)));
}

TEST(RestartDelay, StepsGrowGeometricallyToTheMaximum) {
  unit::Unit unit = service();
  section(unit).restart_sec = seconds(1);
  section(unit).restart_steps = 4;
  section(unit).restart_max_delay_set = true;
  section(unit).restart_max_delay = seconds(16);
  const auto result = delays(unit, 6);
  const std::array<Nanoseconds, 6> expected = {seconds(1), seconds(2),  seconds(4),
                                               seconds(8), seconds(16), seconds(16)};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(result[i].count()), static_cast<double>(expected[i].count()),
                1000.0)
        << i;
  }
}

TEST(RestartDelay, StepsWithoutAnEndHaveNoEffect) {
  unit::Unit unit = service();
  section(unit).restart_steps = 4;
  EXPECT_EQ(delays(unit, 3), delays(service(), 3));
  section(unit).restart_sec = seconds(2);
  EXPECT_THAT(delays(unit, 9), testing::Each(Nanoseconds(seconds(2))));
}

TEST(RestartDelay, HealthyUptimeStartsTheBackoffAnew) {
  const unit::Unit unit = service();
  RestartState state;
  for (int i = 0; i < 4; ++i) (void)decide(unit, Outcome::kSignal, kLost, seconds(9), {}, state);
  EXPECT_EQ(decide(unit, Outcome::kSignal, kLost, seconds(9), {}, state).delay, milliseconds(800));
  EXPECT_EQ(decide(unit, Outcome::kSignal, kLost, seconds(10), {}, state).delay, milliseconds(0));
  EXPECT_EQ(state.attempt, 1U);
  EXPECT_EQ(state.total_restarts, 6U);
}

/// Crashes of one signature, so far apart, each after it was healthy. @return the delays.
std::vector<Nanoseconds> delays_of_same(Nanoseconds apart, int crashes) {
  const unit::Unit unit = service();
  RestartState state;
  std::vector<Nanoseconds> delays;
  BootTime now = at(hours(1));
  for (int i = 0; i < crashes; ++i) {
    now = now + apart;
    delays.push_back(decide(unit, Outcome::kCoreDump, kLost, seconds(10), now, state).delay);
    record_crash("8cfc", now, state);  // it is diagnosed when its successor is on its way
  }
  return delays;
}

TEST(RestartDelay, GrowsWhereItCrashesTheSameWayAgainAndAgain) {
  EXPECT_THAT(delays_of_same(seconds(60), 6),
              testing::ElementsAre(milliseconds(0), milliseconds(0), milliseconds(0),
                                   milliseconds(100), milliseconds(200), milliseconds(400)));
  EXPECT_THAT(delays_of_same(hours(24), 6), testing::Each(Nanoseconds(0)));
  // 30 times HealthyUptime= is 300 s: three crashes and the fourth, 100 s apart, just fit.
  EXPECT_EQ(delays_of_same(seconds(100), 4).back(), milliseconds(100));
  EXPECT_EQ(delays_of_same(seconds(101), 4).back(), milliseconds(0));
}

TEST(RestartDelay, DoesNotGrowAfterOtherCrashesOrOtherEnds) {
  const unit::Unit unit = service();
  RestartState state;
  for (const char* signature : {"a", "b", "a", "b"}) record_crash(signature, at(hours(1)), state);
  const auto delay = [&](Outcome outcome) {
    return decide(unit, outcome, kLost, seconds(10), at(hours(1)), state).delay;
  };
  EXPECT_EQ(delay(Outcome::kCoreDump), milliseconds(0));
  for (int i = 0; i < 3; ++i) record_crash("b", at(hours(1)), state);
  EXPECT_EQ(delay(Outcome::kExitCode), milliseconds(0));
  EXPECT_EQ(delay(Outcome::kCoreDump), milliseconds(100));
  // A state of an earlier boot.
  for (int i = 0; i < 3; ++i) record_crash("b", at(hours(2)), state);
  EXPECT_EQ(delay(Outcome::kCoreDump), milliseconds(0));
}

// --- start limit ---

/// Starts at 0, then restarts after each crash at once; returns how many starts were allowed.
int starts_until_give_up(const unit::Unit& unit, Nanoseconds between, int most) {
  RestartState state;
  BootTime now = at(hours(1));
  record_start(unit, now, state);
  for (int starts = 1; starts < most; ++starts) {
    now = now + between;
    const auto decision = decide(unit, Outcome::kSignal, kLost, between, now, state);
    if (decision.kind == Kind::kGiveUp) return starts;
    now = now + decision.delay;
    record_start(unit, now, state);
  }
  return most;
}

TEST(StartLimit, NeverGivesUpUnlessTheUnitSaysSo) {
  EXPECT_EQ(starts_until_give_up(service(), milliseconds(1), 10'000), 10'000);
}

TEST(StartLimit, MoreThanBurstWithinIntervalGivesUp) {
  unit::Unit unit = service();
  section(unit).restart_sec = Nanoseconds(0);
  unit.unit.start_limit_burst = 3;
  unit.unit.start_limit_interval = seconds(60);
  EXPECT_EQ(starts_until_give_up(unit, seconds(1), 100), 3);
  EXPECT_EQ(starts_until_give_up(unit, seconds(21), 100), 100);
}

TEST(StartLimit, TheUnsetHalfHasSystemdsDefault) {
  unit::Unit unit = service();
  section(unit).restart_sec = Nanoseconds(0);
  unit.unit.start_limit_interval = seconds(60);
  EXPECT_EQ(starts_until_give_up(unit, seconds(1), 100), 5);
  unit.unit.start_limit_interval.reset();
  unit.unit.start_limit_burst = 2;
  EXPECT_EQ(starts_until_give_up(unit, seconds(1), 100), 2);
  EXPECT_EQ(starts_until_give_up(unit, seconds(11), 100), 100);
}

TEST(StartLimit, ZeroMeansNoLimit) {
  unit::Unit unit = service();
  unit.unit.start_limit_interval = Nanoseconds(0);
  unit.unit.start_limit_burst = 1;
  EXPECT_EQ(starts_until_give_up(unit, milliseconds(1), 100), 100);
}

TEST(StartLimit, MemoryStaysBoundedAndStatesOfAnotherBootDoNotCount) {
  unit::Unit unit = service();
  unit.unit.start_limit_burst = 2;
  RestartState state;
  for (int i = 0; i < 1000; ++i) record_start(unit, at(hours(2)), state);
  EXPECT_LE(state.recent_starts.size(), 3U);
  EXPECT_FALSE(start_permitted(unit, at(hours(2)), state));
  EXPECT_TRUE(start_permitted(unit, at(seconds(5)), state));
}

// --- survival ---

TEST(RestartState, JsonRoundTrip) {
  const RestartState state{3, 17, {at(seconds(5)), at(seconds(6))}, "8cfc", {at(seconds(7))}};
  const auto parsed = restart_state_from_json(nlohmann::json::parse(to_json(state).dump()));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(*parsed, state);
  EXPECT_EQ(*restart_state_from_json(nlohmann::json::object()), RestartState{});
}

TEST(RestartState, RefusesWhatItDidNotWrite) {
  for (const char* text :
       {"[]", "7", R"({"attempt":-1})", R"({"attempt":"2"})", R"({"total_restarts":4294967296})",
        R"({"recent_starts_ns":1})", R"({"recent_starts_ns":["x"]})", R"({"same_crashes_ns":7})",
        R"({"crash_signature":7})"}) {
    const auto parsed = restart_state_from_json(nlohmann::json::parse(text));
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kCorrupt) << text;
  }
}

}  // namespace
}  // namespace nines::supervise
