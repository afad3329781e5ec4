#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/keep_foreground.h"

namespace nines::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Outcome {
  ExitCode code;
  std::string out, err;
};

Outcome nines(std::vector<std::string> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const ExitCode code = run(arguments, out, err, Terminal{});
  return {code, out.str(), err.str()};
}

const std::string kNowhere = "--runtime-dir=/nonexistent/nines";

TEST(ExitCodes, AreTheDocumentedOnes) {
  std::set<int> numbers;
  for (const auto& entry : kExitCodes) {
    EXPECT_TRUE(numbers.insert(static_cast<int>(entry.code)).second);
    EXPECT_THAT(nines({"help"}).out, HasSubstr(std::string(entry.meaning).substr(0, 30)));
    EXPECT_THAT(nines({"help", "--man"}).out,
                HasSubstr(std::to_string(static_cast<int>(entry.code)) + "\n" +
                          std::string(entry.meaning)));
  }
  EXPECT_EQ(numbers, (std::set<int>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(exit_code_for(ErrorCode::kDenied), ExitCode::kDenied);
  EXPECT_EQ(exit_code_for(ErrorCode::kNotFound), ExitCode::kNoSuchUnit);
  EXPECT_EQ(exit_code_for(ErrorCode::kGone), ExitCode::kUnreachable);
  EXPECT_EQ(exit_code_for(ErrorCode::kTimeout), ExitCode::kFailed);
}

TEST(CommandLine, WrongOnesExitWithTwoAndSayWhereToLook) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"statsu"},
                                             {"logs"},
                                             {"start"},
                                             {"daemon"},
                                             {"logs", "a", "-n", "many"},
                                             {"logs", "a", "-n", "10001"},
                                             {"status", "--wat"},
                                             {"keep"},
                                             {"help", "nothing"},
                                             {"events", "--since", "yesterday"}}) {
    const Outcome outcome = nines(wrong);
    EXPECT_EQ(outcome.code, ExitCode::kUsage) << wrong.front();
    EXPECT_THAT(outcome.err, StartsWith("nines: ")) << wrong.front();
    EXPECT_EQ(outcome.out, "") << wrong.front();
  }
}

TEST(CommandLine, WithoutADaemonItNamesTheSocketAndHowToStart) {
  for (const std::string verb : {"status", "events", "daemon"}) {
    const Outcome outcome =
        verb == "daemon" ? nines({verb, "status", kNowhere}) : nines({kNowhere, verb});
    EXPECT_EQ(outcome.code, ExitCode::kUnreachable);
    EXPECT_THAT(outcome.err, HasSubstr("/nonexistent/nines/api.sock"));
    EXPECT_THAT(outcome.err, HasSubstr("ninesd --runtime-dir /nonexistent/nines"));
  }
  const Outcome json = nines({kNowhere, "--json", "status"});
  EXPECT_EQ(json.code, ExitCode::kUnreachable);
  EXPECT_THAT(json.err, HasSubstr("\"code\":\"gone\""));
  EXPECT_EQ(json.out, "");
  EXPECT_EQ(nines({kNowhere, "keep", "--detach", "a"}).code, ExitCode::kUnreachable);
  // Without a verb the state is what was asked for.
  const Outcome overview = nines({kNowhere});
  EXPECT_EQ(overview.code, ExitCode::kOk);
  EXPECT_THAT(overview.out, HasSubstr("no daemon answers at /nonexistent/nines/api.sock"));
}

TEST(CommandLine, HelpComesInAllItsForms) {
  const Outcome flag = nines({"logs", "--help"});
  EXPECT_EQ(flag.code, ExitCode::kOk);
  EXPECT_EQ(flag.out, nines({"help", "logs"}).out);
  EXPECT_THAT(flag.out, StartsWith("Usage: nines logs UNIT [-f] [-n N] [--plain]\n"));
  EXPECT_EQ(nines({"-h"}).out, nines({"help"}).out);
  EXPECT_THAT(nines({"--version"}).out, StartsWith("nines "));
  EXPECT_THAT(nines({"help", "daemon"}).out, HasSubstr("Usage: nines daemon reexec"));
  std::istringstream help(nines({"help", "keep"}).out);
  for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Manual, HasAPageForNinesAndEachVerb) {
  const CommandTable table = command_table();
  EXPECT_GE(table.verbs.size(), 13u);
  const std::string all = nines({"help", "--man"}).out;
  EXPECT_THAT(all, StartsWith(".TH \"NINES\" \"1\""));
  for (const VerbEntry& verb : table.verbs) {
    std::string upper = "NINES-" + verb.name;
    for (char& c : upper) c = c == ' ' ? '-' : static_cast<char>(std::toupper(c));
    EXPECT_THAT(all, HasSubstr("\n.TH \"" + upper + "\" \"1\"")) << verb.name;
    EXPECT_FALSE(verb.description.empty()) << verb.name;
    for (const OptionEntry& option : verb.options) EXPECT_FALSE(option.help.empty()) << verb.name;
  }
  EXPECT_THAT(all, HasSubstr(".B \\-\\-runtime\\-dir DIR\n"));
}

TEST(Completion, KnowsEveryVerbAndIsValidBash) {
  const std::string script = nines({"completion"}).out;
  for (const VerbEntry& verb : command_table().verbs) {
    EXPECT_THAT(script, HasSubstr("'" + verb.name + "') options=")) << verb.name;
  }
  const std::string path = testing::TempDir() + "nines-completion.bash";
  std::ofstream(path) << script
                      << "\nCOMP_LINE='nines daemon re'; COMP_POINT=${#COMP_LINE}; _nines; "
                         "[ \"${COMPREPLY[*]}\" = reexec ] || exit 1\n"
                         "COMP_LINE='nines --json lo'; COMP_POINT=${#COMP_LINE}; _nines; "
                         "[ \"${COMPREPLY[*]}\" = logs ] || exit 2\n"
                         "COMP_LINE='nines logs --fo'; COMP_POINT=${#COMP_LINE}; _nines; "
                         "[ \"${COMPREPLY[*]}\" = --follow ] || exit 3\n";
  const int status = std::system(("bash " + path).c_str());
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  std::remove(path.c_str());
}

TEST(Keep, TheForegroundSupervisorsCommandLine) {
  EXPECT_THAT(foreground_command({"/opt/bin/ninesd", "/run/x", {"a", "b"}, {}}),
              testing::ElementsAre("/opt/bin/ninesd", "--foreground", "--private", "--runtime-dir",
                                   "/run/x", "--state-dir", "/run/x/state", "--", "a", "b"));
  // A container's first process is all the host there is.
  EXPECT_THAT(foreground_command({"/opt/bin/ninesd", "", {}, {"redis-server", "--port", "7"}}),
              testing::ElementsAre("/opt/bin/ninesd", "--foreground", "--command", "--",
                                   "redis-server", "--port", "7"));
}

}  // namespace
}  // namespace nines::cli
