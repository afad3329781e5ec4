#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "api/codec.h"
#include "cli/command_line.h"
#include "daemon/test_server.h"

namespace nines::cli {
namespace {

using api::UnitState;
using daemon::TestServer;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Outcome {
  ExitCode code;
  std::string out, err;
};

class CliEndToEnd : public testing::Test {
 protected:
  CliEndToEnd() {
    server_.on_loop([this] {
      auto& redis = server_.backend.add("redis.service", UnitState::kRunning);
      redis.health = api::Health::kOk;
      redis.restarts = 3;
      redis.last_recovery_ms = 12;
      redis.availability_24h = 0.9998;
      server_.backend.add("web.service", UnitState::kStopped);
      server_.backend.add("broken.service", UnitState::kFailed);
      server_.backend.emit("unit.exit", "redis.service");
      server_.backend.write_line("redis.service", "first line");
      server_.backend.write_line("redis.service", "second \x1b[2J line");
    });
  }

  Outcome nines(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "--runtime-dir=" + server_.directory());
    std::ostringstream out;
    std::ostringstream err;
    const ExitCode code = run(arguments, out, err, terminal_);
    return {code, out.str(), err.str()};
  }

  UnitState state_of(const std::string& unit) {
    return server_.on_loop([&] { return server_.backend.units_by_name[unit].state; });
  }
  bool kept(const std::string& unit) {
    return server_.on_loop([&] { return server_.backend.units_by_name[unit].kept; });
  }

  TestServer server_;
  Terminal terminal_;
};

TEST_F(CliEndToEnd, StatusShowsAllOrOneOrJson) {
  const Outcome all = nines({"status"});
  EXPECT_EQ(all.code, ExitCode::kOk);
  EXPECT_THAT(all.out, StartsWith("UNIT"));
  EXPECT_LT(all.out.find("broken.service"), all.out.find("redis.service"));
  EXPECT_THAT(all.out, HasSubstr("12.0 ms"));
  const Outcome one = nines({"status", "redis"});
  EXPECT_THAT(one.out, HasSubstr("99.98 % of the last 24 h"));
  EXPECT_THAT(one.out, HasSubstr("unit.exit"));
  EXPECT_THAT(one.out, HasSubstr("first line"));
  const auto decoded = api::decode_units(nines({"status", "--json"}).out);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->size(), 3u);
  EXPECT_EQ(nines({"status", "--names"}).out, "broken.service\nredis.service\nweb.service\n");
}

TEST_F(CliEndToEnd, StatusOfWhatIsNotThere) {
  const Outcome none = nines({"status", "none"});
  EXPECT_EQ(none.code, ExitCode::kNoSuchUnit);
  EXPECT_THAT(none.err, HasSubstr("no such unit"));
  EXPECT_THAT(none.err, HasSubstr("hint: looked in"));
  const Outcome some = nines({"status", "none", "redis"});
  EXPECT_EQ(some.code, ExitCode::kPartly);
  EXPECT_THAT(some.out, HasSubstr("redis.service"));
}

TEST_F(CliEndToEnd, StatusCheckIsForScripts) {
  EXPECT_EQ(nines({"status", "--check"}).code, ExitCode::kFailed);
  EXPECT_EQ(nines({"status", "--check", "redis"}).code, ExitCode::kOk);
  EXPECT_EQ(nines({"status", "--check", "web"}).code, ExitCode::kFailed);
  server_.on_loop(
      [this] { server_.backend.units_by_name["redis.service"].health = api::Health::kFailing; });
  EXPECT_EQ(nines({"status", "--check", "redis"}).code, ExitCode::kFailed);
}

TEST_F(CliEndToEnd, VerbsMoveUnitsAndSayHowItWent) {
  const Outcome started = nines({"start", "web"});
  EXPECT_EQ(started.code, ExitCode::kOk);
  EXPECT_EQ(started.out, "web: ready after 12.0 ms\n");
  EXPECT_EQ(state_of("web.service"), UnitState::kRunning);
  EXPECT_EQ(nines({"stop", "web"}).code, ExitCode::kOk);
  EXPECT_EQ(state_of("web.service"), UnitState::kStopped);
  const Outcome failed = nines({"restart", "broken"});
  EXPECT_EQ(failed.code, ExitCode::kFailed);
  EXPECT_THAT(failed.err, HasSubstr("exited with 203"));
  const Outcome partly = nines({"start", "web", "broken", "none"});
  EXPECT_EQ(partly.code, ExitCode::kPartly);
  EXPECT_THAT(partly.out, HasSubstr("web: ready"));
  EXPECT_THAT(partly.err, HasSubstr("start broken: "));
  EXPECT_THAT(partly.err, HasSubstr("start none: "));
  EXPECT_EQ(nines({"start", "none"}).code, ExitCode::kNoSuchUnit);
  const auto json = api::decode_unit_results(nines({"--json", "start", "web", "broken"}).out);
  ASSERT_TRUE(json.has_value());
  EXPECT_TRUE(json->at(0).ok());
  EXPECT_FALSE(json->at(1).ok());
}

TEST_F(CliEndToEnd, APathIsReadHereAndLoadedThere) {
  const std::string path = server_.directory() + "/new.service";
  std::ofstream(path) << "[Service]\nExecStart=/bin/true\n";
  const Outcome started = nines({"start", path});
  EXPECT_EQ(started.code, ExitCode::kOk) << started.err;
  EXPECT_THAT(started.err, HasSubstr("new.service: warning: PrivateTmp= is not honoured"));
  EXPECT_EQ(state_of("new.service"), UnitState::kRunning);
  std::ofstream(path) << "nonsense";
  EXPECT_EQ(nines({"start", path}).code, ExitCode::kFailed);
  EXPECT_EQ(nines({"start", path + ".none"}).code, ExitCode::kNoSuchUnit);
  EXPECT_EQ(nines({"start", server_.directory() + "/"}).code, ExitCode::kFailed);
}

TEST_F(CliEndToEnd, LogsAndEvents) {
  EXPECT_EQ(nines({"logs", "redis", "--plain"}).out, "first line\nsecond \x1b[2J line\n");
  EXPECT_THAT(nines({"logs", "redis", "-n", "1"}).out, Not(HasSubstr("first")));
  terminal_.is_terminal = true;
  EXPECT_THAT(nines({"logs", "redis", "--plain"}).out, HasSubstr("second \\x1b[2J line"));
  EXPECT_EQ(nines({"logs", "none"}).code, ExitCode::kNoSuchUnit);
  EXPECT_THAT(nines({"events", "--unit", "redis"}).out, HasSubstr("redis.service  unit.exit"));
  EXPECT_EQ(nines({"events", "--unit", "web"}).out, "");
  EXPECT_THAT(nines({"events", "--since", "1h"}).out, HasSubstr("unit.exit"));
  const std::string json = nines({"events", "--json"}).out;
  EXPECT_EQ(api::decode_event(json)->subject, "redis.service");
}

TEST_F(CliEndToEnd, DaemonStatusAndReexec) {
  EXPECT_THAT(nines({"daemon", "status"}).out, HasSubstr("ninesd 0.1.0"));
  const Outcome again = nines({"daemon", "reexec"});
  EXPECT_EQ(again.code, ExitCode::kOk) << again.err;
  EXPECT_THAT(again.out, HasSubstr("answers after"));
  server_.on_loop([this] { server_.backend.reexec_refused = true; });
  EXPECT_THAT(nines({"daemon", "reexec"}).err, HasSubstr("the new program is not there"));
}

TEST_F(CliEndToEnd, TheOverviewSumsUp) {
  Outcome overview = nines({});
  // It waits for the daemon for so short a time that a busy machine may be late.
  while (overview.out.find("no answer within") != std::string::npos) overview = nines({});
  EXPECT_THAT(overview.out, HasSubstr("1 stopped, 1 running, 1 failed"));
  EXPECT_THAT(overview.out, HasSubstr("nines status UNIT"));
}

TEST_F(CliEndToEnd, KeepDetachedRemembers) {
  EXPECT_EQ(nines({"keep", "-d", "web"}).code, ExitCode::kOk);
  EXPECT_TRUE(kept("web.service"));
  EXPECT_EQ(nines({"unkeep", "web"}).code, ExitCode::kOk);
  EXPECT_FALSE(kept("web.service"));
  EXPECT_EQ(state_of("web.service"), UnitState::kRunning);
}

/// The program itself, since signals are sent to processes.
class Program {
 public:
  Program(const TestServer& server, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {NINES_PROGRAM, "--runtime-dir", server.directory()});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(fds[1], STDOUT_FILENO);
      ::execv(argv.front(), argv.data());
      ::_exit(127);
    }
    ::close(fds[1]);
    out_.reset(fds[0]);
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  /// Reads until `text` was printed. @return all that was read; without `text` at end of file.
  std::string read_until(std::string_view text) {
    char byte = 0;
    while (seen_.find(text) == std::string::npos && ::read(out_.get(), &byte, 1) == 1) {
      seen_ += byte;
    }
    return seen_;
  }
  void interrupt() { ::kill(pid_, SIGINT); }
  void close_output() { out_.reset(); }
  /// @return the exit code, or -1 when a signal ended it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
  std::string seen_;
};

TEST_F(CliEndToEnd, FollowingEndsCleanlyWithCtrlC) {
  Program logs(server_, {"logs", "-f", "--plain", "redis"});
  EXPECT_THAT(logs.read_until("second"), StartsWith("first line\n"));
  server_.on_loop([this] { server_.backend.write_line("redis.service", "third"); });
  EXPECT_THAT(logs.read_until("third\n"), HasSubstr("third\n"));
  logs.interrupt();
  EXPECT_EQ(logs.wait(), 0);
  server_.wait_until([this] { return server_.backend.subscriptions() == 0; });
}

TEST_F(CliEndToEnd, FollowingEndsWhenTheReaderOfItsOutputGoes) {
  Program events(server_, {"events", "-f"});
  events.read_until("unit.exit");
  events.close_output();
  server_.wait_until([this] {
    server_.backend.emit("more", "redis.service");
    return server_.backend.subscriptions() == 0;
  });
  EXPECT_EQ(events.wait(), 0);
}

TEST_F(CliEndToEnd, FollowingEndsWithThreeWhenTheDaemonGoes) {
  Program events(server_, {"events", "-f"});
  events.read_until("unit.exit");
  server_.on_loop([this] { server_.server.reset(); });
  EXPECT_EQ(events.wait(), 3);
}

TEST_F(CliEndToEnd, CtrlCEndsWhatKeepBegan) {
  Program keep(server_, {"keep", "web"});
  EXPECT_THAT(keep.read_until("unit.ready"), HasSubstr("web.service"));
  EXPECT_TRUE(kept("web.service"));
  keep.interrupt();
  keep.interrupt();  // an echo, as timeout(1) makes it
  EXPECT_EQ(keep.wait(), 0);
  EXPECT_EQ(state_of("web.service"), UnitState::kStopped);
  EXPECT_FALSE(kept("web.service"));
}

TEST_F(CliEndToEnd, CtrlCLeavesRememberedWhatWasKeptBefore) {
  ASSERT_EQ(nines({"keep", "-d", "web"}).code, ExitCode::kOk);
  Program keep(server_, {"keep", "web"});
  keep.read_until("unit.ready");
  keep.interrupt();
  EXPECT_EQ(keep.wait(), 0);
  EXPECT_EQ(state_of("web.service"), UnitState::kStopped);
  EXPECT_TRUE(kept("web.service"));
}

TEST_F(CliEndToEnd, ASecondCtrlCLeavesAtOnce) {
  Program keep(server_, {"keep", "web"});
  keep.read_until("unit.ready");
  server_.on_loop([this] { server_.backend.hold = true; });
  keep.interrupt();
  server_.wait_until([this] { return !server_.backend.held.empty(); });
  keep.interrupt();
  EXPECT_EQ(keep.wait(), -1);
}

}  // namespace
}  // namespace nines::cli
