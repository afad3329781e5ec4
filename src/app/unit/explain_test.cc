#include "app/unit/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/unit/reader.h"
#include "app/unit/test_tree.h"

namespace nines::unit {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const LoadContext kContext{{}, false, "host", "m", "b"};

UnitReport report(std::string_view text) {
  return explain(read_unit(*parse_unit_name("a.service"), {{"f", std::string(text)}}, kContext));
}
const Explanation& entry(const UnitReport& report, std::string_view directive,
                         std::size_t nth = 0) {
  for (const Explanation& explanation : report.directives) {
    if (explanation.directive == directive && nth-- == 0) return explanation;
  }
  static const Explanation none;
  ADD_FAILURE() << "nothing about " << directive;
  return none;
}

TEST(Explain, EveryDirectiveOfTheFile) {
  const UnitReport r = report(
      "[Unit]\nAfter=b.service\n[Service]\nExecStart=/x "
      "y\nRestart=on-failure\nPrivateTmp=yes\nFoo=1\n");
  EXPECT_EQ(entry(r, "After").effect, "when both start, starts once b.service is up");
  EXPECT_EQ(entry(r, "ExecStart").effect, "runs /x y");
  EXPECT_EQ(entry(r, "ExecStart").line, 4);
  EXPECT_THAT(entry(r, "Restart").effect,
              HasSubstr("restarted when it exits with a failure, by a signal, time-out or "
                        "watchdog; first retry at once, then "
                        "delays up to 30s"));
  EXPECT_EQ(entry(r, "PrivateTmp").level, DiagnosticLevel::kWarning);
  EXPECT_EQ(entry(r, "Foo").level, DiagnosticLevel::kError);
  EXPECT_FALSE(r.usable());
}

TEST(Explain, WhatIsNotSetButMatters) {
  const UnitReport r = report("[Service]\nExecStart=/x\n");
  EXPECT_THAT(entry(r, "Restart").effect, HasSubstr("restarted whenever it ends"));
  EXPECT_THAT(entry(r, "StartLimitBurst").effect, HasSubstr("never gives up"));
  EXPECT_EQ(entry(r, "Restart").line, 0);
  const UnitReport oneshot = report("[Service]\nType=oneshot\nExecStart=/x\n");
  EXPECT_THAT(entry(oneshot, "Restart").effect, HasSubstr("not restarted"));
  const UnitReport no = report("[Service]\nExecStart=/x\nRestart=no\n");
  EXPECT_EQ(entry(no, "Restart").effect, "stays down when it ends by itself");
}

TEST(Explain, TheDelayThatTheUnitAsksFor) {
  EXPECT_THAT(
      entry(report("[Service]\nExecStart=/x\nRestart=always\nRestartSec=5\n"), "Restart").effect,
      HasSubstr("each time after 5s"));
  EXPECT_THAT(
      entry(report("[Service]\nExecStart=/"
                   "x\nRestart=always\nRestartSec=1\nRestartSteps=4\nRestartMaxDelaySec=60\n"),
            "Restart")
          .effect,
      HasSubstr("in 4 steps up to 1min"));
}

TEST(Explain, ValuesWithAMeaningOfTheirOwn) {
  const UnitReport r = report(
      "[Service]\nExecStart=/x\nTimeoutStopSec=0\nTimeoutStartSec=5s\nCapabilityBoundingSet=\n");
  EXPECT_EQ(entry(r, "TimeoutStopSec").effect, "a stop may take for ever");
  EXPECT_EQ(entry(r, "TimeoutStartSec").effect,
            "a start that is not done after 5s counts as failed");
  EXPECT_EQ(entry(r, "CapabilityBoundingSet").effect,
            "can never have other capabilities than: none");
}

TEST(Explain, OverridesAndResets) {
  const UnitReport r = report(
      "[Service]\nExecStart=/"
      "x\nNice=1\nNice=2\nEnvironment=A=1\nEnvironment=\nUser=x\nUser=\nUMask=022\nUMask=\n");
  EXPECT_EQ(entry(r, "Nice").effect, "no effect: overridden by f:4");
  EXPECT_EQ(entry(r, "Nice", 1).effect, "runs at nice level 2");
  EXPECT_EQ(entry(r, "Environment", 1).effect, "takes back what was set before");
  EXPECT_EQ(entry(r, "UMask", 1).effect, "back to the default");
}

TEST(CheckUnit, AFileThatIsNotThere) {
  const UnitReport r = check_unit("/nowhere/x.service", kContext);
  EXPECT_FALSE(r.usable());
  ASSERT_EQ(r.diagnostics.size(), 1u);
  EXPECT_THAT(r.diagnostics[0].message, HasSubstr("no such file"));
}

TEST(CheckUnit, ReportsEveryErrorNotOnlyTheFirst) {
  const TestTree tree;
  const std::string path = tree.write("x.service", "[Service]\nFoo=1\nno equals\nNice=99\n");
  const UnitReport r = check_unit(path, kContext);
  std::size_t errors = 0;
  for (const Diagnostic& d : r.diagnostics) errors += d.level == DiagnosticLevel::kError ? 1 : 0;
  EXPECT_EQ(errors, 4u);  // the three lines, and no ExecStart=
}

TEST(CheckUnit, ATemplateIsCheckedAsAnInstance) {
  const TestTree tree;
  const UnitReport r =
      check_unit(tree.write("x@.service", "[Service]\nExecStart=/x %i\n"), kContext);
  EXPECT_TRUE(r.usable());
  EXPECT_EQ(r.name, "x@instance.service");
}

TEST(CheckUnit, EveryDebianUnitIsExplainedWithoutAGap) {
  const std::string units = std::string(NINES_SOURCE_DIR) + "/tests/fixtures/units";
  int explained = 0;
  for (const auto& file : std::filesystem::directory_iterator(units)) {
    const std::string extension = file.path().extension();
    if (extension != ".service" && extension != ".socket") continue;
    const UnitReport r = check_unit(file.path().string(), kContext);
    EXPECT_TRUE(r.usable()) << file.path();
    for (const Explanation& e : r.directives) {
      EXPECT_FALSE(e.effect.empty()) << file.path() << " " << e.directive << "=" << e.value;
      EXPECT_THAT(e.effect, ::testing::Not(HasSubstr("{}"))) << e.directive;
      ++explained;
    }
  }
  EXPECT_GT(explained, 500);
}

TEST(Json, HasEverything) {
  const nlohmann::json json = to_json(report("[Service]\nExecStart=/x\nPrivateTmp=yes\n"));
  EXPECT_EQ(json["name"], "a.service");
  EXPECT_EQ(json["usable"], true);
  EXPECT_EQ(json["directives"][0]["directive"], "ExecStart");
  EXPECT_EQ(json["directives"][0]["line"], 2);
  EXPECT_EQ(json["diagnostics"][0]["level"], "warning");
  EXPECT_NO_THROW(json.dump());
}

TEST(Json, SurvivesHostileNames) {
  EXPECT_NO_THROW(to_json(check_unit("/tmp/\xff\x1b.service", kContext)).dump());
  EXPECT_NO_THROW(to_json(report("[Service]\nExecStart=/x\\xff \"\\xff\"\nUser=\x1b\n")).dump());
}

}  // namespace
}  // namespace nines::unit
