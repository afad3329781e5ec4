#include <gtest/gtest.h>

#include "matrix/finding.h"

namespace nines::matrix {
namespace {

Finding finding(Weight weight, State state, std::string reason = "", std::string advice = "") {
  return {"/a/path", "said", state, weight, std::move(reason), std::move(advice)};
}

struct Case {
  const char* name;
  std::vector<Finding> findings;
  Verdict verdict;
  std::string why, next;
};

TEST(Verdict, FollowsTheRules) {
  using enum State;
  using enum Weight;
  const std::vector<Case> cases = {
      {"all is well",
       {finding(kRequired, kYes), finding(kHelpful, kYes)},
       Verdict::kReady,
       "fine",
       ""},
      {"notes do not count",
       {finding(kRequired, kYes), finding(kNote, kNo, "n", "do")},
       Verdict::kReady,
       "fine",
       ""},
      {"required and absent",
       {finding(kHelpful, kPartly, "h"), finding(kRequired, kNo, "r", "do r")},
       Verdict::kMissing,
       "r",
       "do r"},
      {"one of two main ones",
       {finding(kMain, kNo, "m", "do m"), finding(kMain, kYes)},
       Verdict::kPartial,
       "m",
       "do m"},
      {"all main ones",
       {finding(kMain, kNo, "first"), finding(kMain, kNo, "second", "do 2")},
       Verdict::kMissing,
       "first",
       "do 2"},
      {"barred beats all",
       {finding(kRequired, kNo, "no"), finding(kRequired, kBarred, "b")},
       Verdict::kImpossible,
       "b",
       ""},
      {"helpful and barred is only partial",
       {finding(kRequired, kYes), finding(kHelpful, kBarred, "h")},
       Verdict::kPartial,
       "h",
       ""},
      {"required and unknown",
       {finding(kRequired, kUnknown, "u", "sudo"), finding(kMain, kYes)},
       Verdict::kUnknown,
       "u",
       "sudo"},
      {"absent beats unknown",
       {finding(kRequired, kUnknown, "u"), finding(kRequired, kNo, "no")},
       Verdict::kMissing,
       "no",
       ""},
      {"unknown is never ready",
       {finding(kRequired, kYes), finding(kHelpful, kUnknown, "u")},
       Verdict::kPartial,
       "u",
       ""},
      {"known to be wrong before unknown",
       {finding(kMain, kUnknown, "u"), finding(kMain, kYes), finding(kHelpful, kPartly, "h")},
       Verdict::kPartial,
       "h",
       ""},
      {"no before partly",
       {finding(kMain, kPartly, "p"), finding(kMain, kNo, "n")},
       Verdict::kPartial,
       "n",
       ""},
  };
  for (const Case& one : cases) {
    const CellReport report = conclude(ledger::Cell::kOsPlanned, one.findings, "fine");
    EXPECT_EQ(to_string(report.verdict), to_string(one.verdict)) << one.name;
    EXPECT_EQ(report.why, one.why) << one.name;
    EXPECT_EQ(report.next, one.next) << one.name;
    EXPECT_EQ(report.findings.size(), one.findings.size()) << one.name;
  }
}

TEST(CellName, IsTypedWithADotOrASlash) {
  for (const ledger::Cell cell : all_cells()) {
    EXPECT_EQ(cell_from(dotted(cell)), cell);
    EXPECT_EQ(cell_from(to_string(cell)), cell);
  }
  EXPECT_EQ(cell_from("app"), std::nullopt);
  EXPECT_EQ(cell_from("app.unplanned."), std::nullopt);
  EXPECT_EQ(cell_from(""), std::nullopt);
}

}  // namespace
}  // namespace nines::matrix
