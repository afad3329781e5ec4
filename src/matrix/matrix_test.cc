#include "matrix/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "matrix/fixture_host.h"

namespace nines::matrix {
namespace {

using testing::HasSubstr;

const std::string kHosts = std::string(NINES_SOURCE_DIR) + "/tests/fixtures/hosts";

std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kHosts)) {
    if (entry.path().extension() == ".host") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Fixture : public testing::TestWithParam<std::string> {};

TEST_P(Fixture, GivesTheVerdictsThatItExpects) {
  FixtureHost host(kHosts + "/" + GetParam() + ".host");
  const Matrix matrix = host.probe();
  ASSERT_EQ(matrix.cells.size(), all_cells().size());
  EXPECT_EQ(host.expectations().size(), all_cells().size()) << "one line for each cell";
  for (const Expectation& expected : host.expectations()) {
    const auto cell = cell_from(expected.cell);
    ASSERT_TRUE(cell) << expected.cell;
    const CellReport& report = matrix.cells[static_cast<std::size_t>(*cell)];
    EXPECT_EQ(report.cell, *cell);
    EXPECT_EQ(to_string(report.verdict), expected.verdict)
        << GetParam() << " line " << expected.line << ": " << expected.cell << ": " << report.why;
    EXPECT_THAT(report.why, HasSubstr(expected.reason)) << expected.cell;
  }
}

TEST_P(Fixture, AdvisesWhatItExpects) {
  FixtureHost host(kHosts + "/" + GetParam() + ".host");
  std::map<std::string, std::string> left = host.advice();
  for (const CellReport& report : host.probe().cells) {
    for (const Finding& finding : report.findings) {
      const auto expected = left.find(finding.source);
      if (expected == left.end()) continue;
      EXPECT_THAT(finding.advice, HasSubstr(expected->second)) << finding.source;
      left.erase(expected);
    }
  }
  for (const auto& [source, advice] : left) ADD_FAILURE() << "no finding about " << source;
}

TEST_P(Fixture, SaysWhyAndWhere) {
  FixtureHost host(kHosts + "/" + GetParam() + ".host");
  for (const CellReport& report : host.probe().cells) {
    EXPECT_FALSE(report.why.empty()) << dotted(report.cell);
    if (report.verdict == Verdict::kReady) {
      EXPECT_EQ(report.next, "") << dotted(report.cell);
    }
    EXPECT_FALSE(report.findings.empty()) << dotted(report.cell);
    for (const Finding& finding : report.findings) {
      EXPECT_FALSE(finding.source.empty());
      EXPECT_FALSE(finding.said.empty()) << finding.source;
      const bool counts = finding.weight != Weight::kNote && finding.state != State::kYes;
      if (counts) {
        EXPECT_FALSE(finding.reason.empty()) << finding.source;
      }
      EXPECT_EQ(finding.said.find('\n'), std::string::npos) << finding.source;
      EXPECT_LE(finding.advice.size(), 90U) << finding.advice;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Hosts, Fixture, testing::ValuesIn(fixture_names()), [](const auto& host) {
  std::string name = host.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

/// Every verdict that a cell can have is one that some fixture has.
TEST(Fixtures, CoverEveryVerdict) {
  std::map<std::string, std::set<std::string>> seen;
  for (const std::string& name : fixture_names()) {
    FixtureHost host(kHosts + "/" + name + ".host");
    for (const Expectation& expected : host.expectations()) {
      seen[expected.cell].insert(expected.verdict);
    }
  }
  const std::set<std::string> all = {"ready", "partial", "missing", "not possible here", "unknown"};
  for (const ledger::Cell cell : all_cells()) {
    std::set<std::string> possible = all;
    // Any kernel can write cores, and any program can be started again.
    if (cell == ledger::Cell::kAppUnplanned) possible.erase("not possible here");
    EXPECT_EQ(seen[dotted(cell)], possible) << dotted(cell);
  }
}

}  // namespace
}  // namespace nines::matrix
