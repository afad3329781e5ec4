// What single directives and whole units mean.
#include "app/unit/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace nines::unit {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const LoadContext kContext{{}, false, "host", "m", "b"};

ReadUnit read(std::string_view name, std::string_view text, Surroundings surroundings = {}) {
  return read_unit(*parse_unit_name(name), {{"f", std::string(text)}}, kContext, surroundings);
}
/// The body of a service with a command, plus `lines` in [Service].
ReadUnit service(std::string lines) {
  return read("a.service", "[Service]\nExecStart=/bin/x\n" + lines);
}
const ServiceUnit& body(const ReadUnit& unit) {
  return *unit.unit.service();
}

auto is(DiagnosticLevel level, std::string_view directive, std::string_view message) {
  return AllOf(Field(&Diagnostic::level, level),
               Field(&Diagnostic::directive, std::string(directive)),
               Field(&Diagnostic::message, HasSubstr(std::string(message))));
}
constexpr auto kError = DiagnosticLevel::kError;
constexpr auto kWarning = DiagnosticLevel::kWarning;

TEST(Commands, PrefixesArgumentsAndQuotes) {
  const ReadUnit unit = service(
      "ExecStartPre=-@/bin/sh name -c 'a b' \"%p\" "
      "\\x41\nExecStartPre=+/a\nExecStartPre=!/b\nExecStartPre=!!/c\n"
      "ExecStartPre=:-touch x\n");
  EXPECT_EQ(unit.first_error(), nullptr);
  const auto& list = body(unit).service.exec_start_pre;
  ASSERT_EQ(list.size(), 5u);
  EXPECT_EQ(list[0].path, "/bin/sh");
  EXPECT_TRUE(list[0].ignore_failure);
  EXPECT_THAT(list[0].argv, ElementsAre("name", "-c", "a b", "a", "A"));
  EXPECT_EQ(list[0].line, 3);
  EXPECT_TRUE(list[1].full_privileges);
  EXPECT_TRUE(list[2].full_privileges);
  EXPECT_FALSE(list[3].full_privileges);
  EXPECT_TRUE(list[4].no_expand && list[4].ignore_failure);
  EXPECT_EQ(list[4].path, "touch");
}

TEST(Commands, SemicolonsSeparateAndCanBeEscaped) {
  const ReadUnit unit =
      read("a.service", "[Service]\nType=oneshot\nExecStart=/a 1 ; /b \\; 2 ;/c\n");
  const auto& list = body(unit).service.exec_start;
  ASSERT_EQ(list.size(), 2u);
  EXPECT_THAT(list[0].argv, ElementsAre("/a", "1"));
  EXPECT_THAT(list[1].argv, ElementsAre("/b", ";", "2", ";/c"));
}

struct Wrong {
  std::string line;
  Location at;
};
class WrongCommand : public ::testing::TestWithParam<Wrong> {};
TEST_P(WrongCommand, IsAnErrorAtItsPlace) {
  const ReadUnit unit = service(GetParam().line + "\n");
  ASSERT_NE(unit.first_error(), nullptr) << GetParam().line;
  EXPECT_EQ(unit.first_error()->line, GetParam().at.line);
  EXPECT_EQ(unit.first_error()->column, GetParam().at.column);
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongCommand,
    ::testing::Values(Wrong{"ExecStop=bin/x", {3, 10}}, Wrong{"ExecStop=-", {3, 10}},
                      Wrong{"ExecStop=/bin/", {3, 10}}, Wrong{"ExecStop=/x 'a", {3, 13}},
                      Wrong{"ExecStop=/x \\\n  a 'b", {4, 5}}, Wrong{"ExecStop=@/x", {3, 13}},
                      Wrong{"ExecStop=;", {3, 10}}, Wrong{"ExecStop=/x ; y/z", {3, 15}},
                      Wrong{"ExecStop=..", {3, 10}}));

TEST(Values, OfAService) {
  const ReadUnit unit = service(
      "Type=notify\nRestart=on-failure\nRestartSec=250ms\nRestartSteps=5\nRestartMaxDelaySec="
      "1min\nTimeoutSec=5\n"
      "TimeoutAbortSec=1\nRuntimeMaxSec=1d\nWatchdogSec=3\nFileDescriptorStoreMax=4\nSockets=x."
      "socket\nKillMode=process\n"
      "KillSignal=SIGQUIT\nFinalKillSignal=SIGABRT\nRestartKillSignal=HUP\nSendSIGHUP=yes\nNice=-"
      "5\nIOSchedulingClass=idle\n"
      "CPUSchedulingPolicy=fifo\nCPUSchedulingPriority=10\nCPUAffinity=1\nCPUAffinity=3-"
      "4\nMemoryMax=1G\nMemoryHigh=512M\n"
      "TasksMax=10\nCPUQuota=150%\nCPUWeight=50\nWorkingDirectory=-~\nUMask=027\nPIDFile=x."
      "pid\nOOMScoreAdjust=-100\n");
  ASSERT_EQ(unit.first_error(), nullptr) << unit.first_error()->message;
  const ServiceUnit& unit_body = body(unit);
  const ServiceSection& s = unit_body.service;
  EXPECT_EQ(s.restart_sec, Nanoseconds(250ms));
  EXPECT_EQ(s.restart_steps, 5u);
  EXPECT_EQ(s.restart_max_delay, TimeSpan(1min));
  EXPECT_EQ(s.timeout_start, TimeSpan(5s));
  EXPECT_TRUE(s.timeout_start_set && s.timeout_abort_set && s.restart_max_delay_set);
  EXPECT_EQ(s.timeout_stop, TimeSpan(5s));
  EXPECT_EQ(s.runtime_max, TimeSpan(24h));
  EXPECT_EQ(s.watchdog, Nanoseconds(3s));
  EXPECT_EQ(s.fd_store_max, 4u);
  EXPECT_EQ(s.pid_file, "/run/x.pid");
  EXPECT_THAT(s.sockets, ElementsAre("x.socket"));
  EXPECT_THAT(unit.unit.unit.wants, ElementsAre("x.socket"));
  EXPECT_THAT(unit.unit.unit.after, ElementsAre("x.socket"));
  EXPECT_EQ(unit_body.kill.kill_signal, SIGQUIT);
  EXPECT_EQ(unit_body.kill.final_signal, SIGABRT);
  EXPECT_EQ(unit_body.kill.restart_kill_signal, SIGHUP);
  EXPECT_TRUE(unit_body.kill.send_sighup);
  EXPECT_EQ(unit_body.exec->io_scheduling_class, 3);
  EXPECT_EQ(unit_body.exec->cpu_scheduling_policy, 1);
  EXPECT_THAT(unit_body.exec->cpu_affinity, ElementsAre(1, 3, 4));
  EXPECT_EQ(unit_body.resources->memory_max, 1024_MiB);
  EXPECT_EQ(unit_body.resources->cpu_quota, 1.5);
  EXPECT_EQ(unit_body.exec->working_directory, "~");
  EXPECT_TRUE(unit_body.exec->working_directory_optional);
  EXPECT_EQ(unit_body.exec->umask, 0027u);
}

TEST(Values, OfTheEnvironment) {
  const ReadUnit unit = service(
      "Environment=\"A=1 2\" B=%n C=x\\ty "
      "'D='\nEnvironmentFile=-/etc//default/./%p\nUnsetEnvironment=E F=1\n");
  ASSERT_EQ(unit.first_error(), nullptr) << unit.first_error()->message;
  EXPECT_THAT(body(unit).exec->environment, ElementsAre(Pair("A", "1 2"), Pair("B", "a.service"),
                                                        Pair("C", "x\ty"), Pair("D", "")));
  EXPECT_EQ(body(unit).exec->environment_files.at(0).path, "/etc/default/a");
}

TEST(Values, AnEmptyAssignmentTakesAScalarBack) {
  const ReadUnit unit = service(
      "Nice=5\nNice=\nTimeoutStopSec=1\nTimeoutStopSec=\nRestart=no\nRestart=\nLimitNOFILE="
      "5\nLimitNOFILE=\n");
  EXPECT_EQ(unit.first_error(), nullptr);
  EXPECT_FALSE(body(unit).exec->nice.has_value());
  EXPECT_EQ(body(unit).service.timeout_stop, TimeSpan(90s));
  EXPECT_FALSE(body(unit).service.restart.has_value());
  EXPECT_THAT(body(unit).exec->limits, IsEmpty());
}

TEST(Values, Outputs) {
  const ReadUnit unit = service("StandardOutput=truncate:/tmp/%p\nStandardError=inherit\n");
  EXPECT_EQ(body(unit).exec->standard_output.kind, OutputKind::kTruncate);
  EXPECT_EQ(body(unit).exec->standard_output.path, "/tmp/a");
  EXPECT_FALSE(body(unit).exec->standard_error_set);
  EXPECT_THAT(service("StandardOutput=tty\n").diagnostics,
              ElementsAre(is(kWarning, "StandardOutput", "log only")));
}

TEST(Values, Conditions) {
  const ReadUnit unit = read("a.service",
                             "[Unit]\nConditionPathExists=|!/x//"
                             "y\nAssertUser=root\nConditionHost=h\n[Service]\nExecStart=/x\n");
  ASSERT_EQ(unit.unit.unit.conditions.size(), 3u);
  const Condition& first = unit.unit.unit.conditions[0];
  EXPECT_TRUE(first.negate && first.trigger && !first.assertion);
  EXPECT_EQ(first.argument, "/x/y");
  const ReadUnit reset = read(
      "a.service",
      "[Unit]\nConditionPathExists=/x\nAssertUser=root\nConditionHost=\n[Service]\nExecStart=/x\n");
  ASSERT_EQ(reset.unit.unit.conditions.size(), 1u);
  EXPECT_TRUE(reset.unit.unit.conditions[0].assertion);
}

TEST(Values, Nines) {
  const ReadUnit unit =
      read("a.service",
           "[X-Nines]\nHealthCheckInterval=1s\nAvailabilityTarget=99.99%\nStandby=1\nHealthyUptime="
           "1min\n"
           "HealthCheck=tcp:127.0.0.1:6379\nHealthCheckSend=PING\\r\\n\nHealthCheckExpect="
           "PONG\nHealthCheckTimeout=500ms\n"
           "HealthCheckStartPeriod=5s\nHealthCheckFailures=2\nHealthCheckSuccesses=4\n"
           "[Service]\nExecStart=/x\nSockets=a.socket\n");
  ASSERT_THAT(unit.diagnostics, IsEmpty());
  const NinesSection& nines = body(unit).nines;
  EXPECT_DOUBLE_EQ(nines.availability_target.value_or(0), 0.9999);
  EXPECT_EQ(nines.standby, 1);
  EXPECT_EQ(nines.healthy_uptime, Nanoseconds(1min));
  ASSERT_TRUE(nines.health_check.has_value());
  EXPECT_EQ(nines.health_check->host, "127.0.0.1");
  EXPECT_EQ(nines.health_check->port, 6379);
  EXPECT_EQ(nines.health_check->send, "PING\r\n");
  EXPECT_EQ(nines.health_check->interval, Nanoseconds(1s));
  EXPECT_EQ(nines.health_check->successes_to_healthy, 4);
}

TEST(Values, OnPredicted) {
  const auto nines = [](std::string line) {
    return body(read("a.service", "[Service]\nExecStart=/x\n[X-Nines]\n" + line + "\n")).nines;
  };
  EXPECT_EQ(nines("").on_predicted, OnPredicted::kWarn);
  EXPECT_EQ(nines("OnPredicted=rejuvenate").on_predicted, OnPredicted::kRejuvenate);
  const NinesSection command = nines("OnPredicted=command:/bin/mail -s %n ops");
  EXPECT_EQ(command.on_predicted, OnPredicted::kCommand);
  EXPECT_THAT(command.predicted_command->argv, ElementsAre("/bin/mail", "-s", "a.service", "ops"));
  const NinesSection reset = nines("OnPredicted=command:/x\nOnPredicted=");
  EXPECT_EQ(reset.on_predicted, OnPredicted::kWarn);
  EXPECT_FALSE(reset.predicted_command.has_value());
}

TEST(Values, HealthCheckKinds) {
  const auto check = [](std::string line) {
    return *body(read("a.service", "[Service]\nExecStart=/x\n[X-Nines]\n" + line + "\n"))
                .nines.health_check;
  };
  EXPECT_EQ(check("HealthCheck=http://[::1]:80/health?x=1\nHealthCheckStatus=204").http_path,
            "/health?x=1");
  EXPECT_EQ(check("HealthCheck=http://localhost").port, 80);
  EXPECT_EQ(check("HealthCheck=http://[::1]:81/\nHealthCheckStatus=200-204").http_status_max, 204);
  EXPECT_EQ(check("HealthCheck=http://[::1]:81/").host, "::1");
  EXPECT_THAT(check("HealthCheck=command:redis-cli -h ::1 ping").command.argv,
              ElementsAre("redis-cli", "-h", "::1", "ping"));
}

TEST(Values, WrongHealthChecks) {
  for (const char* line : {"HealthCheck=tcp:host",        "HealthCheck=tcp:h:0",
                           "HealthCheck=udp:h:1",         "HealthCheck=http:///x",
                           "HealthCheck=http://h:99999/", "HealthCheck=http://h/a b",
                           "HealthCheck=command:",        "HealthCheck=command:/a ; /b",
                           "HealthCheckInterval=0",       "HealthCheckStatus=399-200",
                           "HealthCheckFailures=0",       "AvailabilityTarget=100%",
                           "AvailabilityTarget=0%",       "Standby=2",
                           "HealthCheckSend=\\q",         "HealthyUptime=infinity",
                           "OnPredicted=checkpoint",      "OnPredicted=command:",
                           "OnPredicted=command:/a ; /b", "Foo=1"}) {
    const ReadUnit unit =
        read("a.service", std::string("[Service]\nExecStart=/x\n[X-Nines]\n") + line + "\n");
    EXPECT_NE(unit.first_error(), nullptr) << line;
  }
}

TEST(Sockets, Values) {
  const ReadUnit unit =
      read("a.socket",
           "[Socket]\nListenStream=/"
           "old\nListenStream=\nListenStream=80\nListenDatagram=[::1]:81\nListenFIFO=/run/f\n"
           "Backlog=10\nReusePort=1\nFileDescriptorName=web\nDeferAcceptSec=1500ms\nReceiveBuffer="
           "64K\nBindIPv6Only=yes\n");
  ASSERT_THAT(unit.diagnostics, IsEmpty());
  const SocketUnit& socket = *unit.unit.socket();
  ASSERT_EQ(socket.listen.size(), 3u);
  EXPECT_EQ(socket.listen[1].kind, SocketListen::Kind::kDatagram);
  EXPECT_EQ(socket.backlog, 10);
  EXPECT_EQ(socket.fd_name, "web");
  EXPECT_EQ(socket.defer_accept_sec, 2);
  EXPECT_EQ(socket.receive_buffer, 64_KiB);
  EXPECT_EQ(socket.bind_ipv6_only, true);
  EXPECT_EQ(socket.service, "a.service");
  EXPECT_THAT(unit.unit.unit.before, ElementsAre("a.service"));
}

struct Whole {
  std::string name, text;
  DiagnosticLevel level;
  std::string directive, message;
};
class WholeUnit : public ::testing::TestWithParam<Whole> {};
TEST_P(WholeUnit, IsChecked) {
  const ReadUnit unit = read(GetParam().name, GetParam().text);
  EXPECT_THAT(unit.diagnostics,
              Contains(is(GetParam().level, GetParam().directive, GetParam().message)))
      << GetParam().text;
}
INSTANTIATE_TEST_SUITE_P(
    All, WholeUnit,
    ::testing::Values(
        Whole{"a.service", "[Service]\nType=simple\n", kError, "ExecStart", "no ExecStart="},
        Whole{"a.service", "[Service]\n", kError, "ExecStart", "nothing to run"},
        Whole{"a.service", "[Service]\nExecStop=/x\n", kError, "RemainAfterExit",
              "RemainAfterExit=yes"},
        Whole{"a.service", "[Service]\nExecStart=/x\nExecStart=/y\n", kError, "ExecStart",
              "2 commands"},
        Whole{"a.service", "[Service]\nExecStart=/x\nType=dbus\n", kError, "BusName",
              "needs BusName"},
        Whole{"a.service", "[Service]\nExecStart=/x\nType=dbus\nBusName=x.y\n", kWarning, "Type",
              "treated as simple"},
        Whole{"a.service", "[Service]\nExecStart=/x\nType=oneshot\nRestart=always\n", kError,
              "Restart", "oneshot"},
        Whole{"a.service", "[Service]\nExecStart=/x\nType=forking\n", kWarning, "PIDFile",
              "guessed"},
        Whole{"a.service", "[Service]\nExecStart=/x\nKillMode=none\n", kWarning, "KillMode",
              "live on"},
        Whole{"a.service", "[Service]\nExecStart=/x\nDynamicUser=yes\n", kWarning, "DynamicUser",
              "no user"},
        Whole{"a.service", "[Service]\nExecStart=/x\nPrivateTmp=yes\n", kWarning, "PrivateTmp",
              "the host's /tmp"},
        Whole{"a.service", "[Service]\nExecStart=/x\nMemorySwapMax=0\n", kWarning, "MemorySwapMax",
              "swap"},
        Whole{"a.service", "[Service]\nExecStart=/x\n[X-Nines]\nStandby=1\n", kWarning, "Standby",
              "cannot share a port"},
        Whole{"a.service", "[Service]\nExecStart=/x\nRestrat=no\n", kError, "Restrat",
              "did you mean Restart=?"},
        Whole{"a.service", "[Service]\nExecStart=/x\nAfter=b.service\n", kError, "After",
              "belongs into [Unit]"},
        Whole{"a.service", "[Service]\nExecStart=/x\n[Servce]\n", kError, "", "unknown section"},
        Whole{"a.service", "[Service]\nExecStart=/x\n[Socket]\nListenStream=1\n", kError, "",
              "does not belong"},
        Whole{"a.service", "[Unit]\nAfter=foo\n[Service]\nExecStart=/x\n", kError, "After",
              "no unit"},
        Whole{"a.service", "[Service]\nExecStart=/x\nSockets=b.service\n", kError, "Sockets",
              "no .socket"},
        Whole{"a.service", "[Service]\nExecStart=/x 5%z\n", kWarning, "ExecStart", "no specifier"},
        Whole{"a.service", "[Service]\nExecStart=/x\nRuntimeDirectory=../x\n", kError,
              "RuntimeDirectory", "relative"},
        Whole{"a.service", "[Service]\nExecStart=/x\nRestart=sometimes\n", kError, "Restart",
              "none of: no, always"},
        Whole{"a.service", "[Service]\nExecStart=/x\nUser=\nReadWriteDirectories=/x\n", kWarning,
              "ReadWriteDirectories", "not honoured"},
        Whole{"a.socket", "[Socket]\n", kError, "", "no Listen"},
        Whole{"a.socket", "[Socket]\nListenStream=1\nAccept=yes\n", kError, "Accept",
              "does not accept"},
        Whole{"a.service", "[Unit]\nConditionVirtualization=vm\n[Service]\nExecStart=/x\n",
              kWarning, "ConditionVirtualization", "not checked"},
        Whole{"a.socket", "[Socket]\nListenStream=1\nExecStartPre=/x\n", kWarning, "ExecStartPre",
              "without running it"},
        Whole{"a.socket", "[Socket]\nListenNetlink=audit 1\n", kWarning, "ListenNetlink",
              "does not listen"},
        Whole{"a.socket", "[Socket]\nListenStream=1\n[X-Nines]\nStandby=1\n", kWarning, "",
              "no effect here"}));

TEST(WholeUnit, SilentWhereThereIsNothingToSay) {
  EXPECT_THAT(service("PrivateNetwork=no\nX-Vendor=1\nMemoryAccounting=yes\n").diagnostics,
              IsEmpty());
  EXPECT_THAT(read("a.service", "[X-Other]\nfoo=bar\n[Service]\nExecStart=/x\n").diagnostics,
              IsEmpty());
  EXPECT_THAT(read("a.service", "[Service]\nExecStart=/x\n[X-Nines]\nStandby=1\n", {{}, {}, true})
                  .diagnostics,
              IsEmpty());
}

TEST(WholeUnit, Implied) {
  EXPECT_EQ(body(read("a.service", "[Service]\nRemainAfterExit=1\nExecStop=/x\n")).service.type,
            ServiceType::kOneshot);
  EXPECT_EQ(
      body(read("a.service", "[Service]\nType=oneshot\nExecStart=/x\n")).service.timeout_start,
      TimeSpan());
  EXPECT_EQ(body(service("Type=notify\n")).service.notify_access, NotifyAccess::kMain);
  EXPECT_EQ(body(service("WatchdogSec=1\n")).service.notify_access, NotifyAccess::kMain);
  EXPECT_EQ(body(service("NotifyAccess=all\nType=notify\n")).service.notify_access,
            NotifyAccess::kAll);
  EXPECT_EQ(body(service("")).service.notify_access, NotifyAccess::kNone);
}

TEST(WholeUnit, StartLimits) {
  EXPECT_EQ(service("StartLimitBurst=3\n").unit.unit.start_limit_interval, Nanoseconds(10s));
  EXPECT_EQ(service("StartLimitInterval=30\n").unit.unit.start_limit_burst, 5u);
  EXPECT_FALSE(service("StartLimitInterval=0\n").unit.unit.start_limit_burst.has_value());
  EXPECT_FALSE(service("").unit.unit.start_limit_burst.has_value());
  EXPECT_EQ(service("StartLimitIntervalSec=infinity\n").unit.unit.start_limit_interval,
            Nanoseconds::max());
}

TEST(WholeUnit, AFloodOfRemarksIsBoundedAndNeverHidesAnError) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "PrivateTmp=yes\n";
  const ReadUnit unit = service(lines + "Bogus=1\n");
  EXPECT_LE(unit.diagnostics.size(), kMaxDiagnostics + 1);
  EXPECT_NE(unit.first_error(), nullptr);
}

TEST(WholeUnit, MessagesAreFitForATerminal) {
  const ReadUnit unit = service("Restart=\x1b[2J\xc2\x9b\n");
  ASSERT_NE(unit.first_error(), nullptr);
  EXPECT_THAT(unit.first_error()->message, HasSubstr("\\x1b[2J\\xc2\\x9b"));
  // In what is said about the setting too, and no character is cut in two.
  const ReadUnit percent = service("User=%ä\x1b\n");
  EXPECT_THAT(percent.settings.back().remark, HasSubstr("'%ä' is no specifier"));
  const ReadUnit escape = service("KillSignal=\x1b\n");
  EXPECT_THAT(escape.settings.back().remark, HasSubstr("\\x1b"));
}

}  // namespace
}  // namespace nines::unit
