#include "cli/matrix_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

using matrix::State;
using matrix::Weight;
using testing::HasSubstr;
using testing::Not;

/// Nine cells with the longest of everything, and one that is ready.
matrix::Matrix long_winded() {
  matrix::Matrix all;
  for (const ledger::Cell cell : matrix::all_cells()) {
    all.cells.push_back(matrix::conclude(
        cell,
        {{"/a/path", "said \x1b[2J", State::kNo, Weight::kRequired,
          "a reason that is longer than one line, and longer than two as well, and than three too",
          "a command with many words that does not fit into a line of eighty columns --by --far"}},
        "ready"));
  }
  all.cells[4] =
      matrix::conclude(ledger::Cell::kOsPlanned,
                       {{"/b", "well", State::kYes, Weight::kRequired, "", ""}}, "all well");
  return all;
}

LastEvents crash_an_hour_ago(UtcTime now) {
  ledger::Event event;
  event.id = std::string(32, '0');
  event.kind = "unit.exit";
  event.subject = "redis.service";
  event.time = UtcTime{now.ns - std::int64_t{3600} * 1'000'000'000};
  return {{ledger::Cell::kAppUnplanned, event}};
}

class Widths : public testing::TestWithParam<std::size_t> {};

TEST_P(Widths, AreKept) {
  Terminal terminal;
  terminal.width = GetParam();
  const matrix::Matrix all = long_winded();
  const UtcTime now{std::int64_t{1'800'000'000} * 1'000'000'000};
  const std::string text =
      matrix_grid(all, crash_an_hour_ago(now), now, terminal) + matrix_advice(all, terminal);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(display_width(line), GetParam()) << line;
    EXPECT_FALSE(line.ends_with(' ')) << '\'' << line << '\'';
  }
  EXPECT_THAT(text, HasSubstr("UNPLANNED"));
  EXPECT_THAT(text, HasSubstr("missing"));
  EXPECT_THAT(text, HasSubstr("ready"));
  EXPECT_THAT(text, HasSubstr("unit.exit"));
  EXPECT_THAT(text, HasSubstr("1 h"));
}

INSTANTIATE_TEST_SUITE_P(Columns, Widths, testing::Values(60, 80, 100));

TEST(MatrixAdvice, IsForCellsThatAreNotReady) {
  const std::string text = matrix_advice(long_winded(), Terminal{});
  EXPECT_THAT(text, HasSubstr("app.unplanned"));
  EXPECT_THAT(text, Not(HasSubstr("os.planned")));
}

TEST(CellCard, ShowsTheEvidenceAndNoControlCharacters) {
  const UtcTime now = utc_now();
  const std::string text =
      cell_card(long_winded().cells[0], crash_an_hour_ago(now), now, Terminal{});
  for (const char* part : {"app.unplanned: ", "verdict   missing: ", "/a/path (required)",
                           "-> a command", "redis.service", "\\x1b[2J"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(MatrixJson, HoldsAllNine) {
  const UtcTime now = utc_now();
  const auto document = nlohmann::json::parse(matrix_json(
      long_winded(), crash_an_hour_ago(now), "", "no daemon", std::chrono::milliseconds(5)));
  ASSERT_EQ(document["cells"].size(), 9U);
  EXPECT_EQ(document["cells"][0]["cell"], "app/unplanned");
  EXPECT_EQ(document["cells"][0]["last_event"]["kind"], "unit.exit");
  EXPECT_EQ(document["cells"][1]["last_event"], nullptr);
  EXPECT_EQ(document["cells"][4]["verdict"], "ready");
  EXPECT_EQ(document["events_unknown"], nullptr);
  EXPECT_EQ(document["daemon_unknown"], "no daemon");
  EXPECT_EQ(document["elapsed_ms"], 5.0);
}

TEST(MachineWords, SayWhereWeAre) {
  matrix::Machine machine;
  EXPECT_EQ(machine_words(machine), "bare metal");
  machine.virtual_machine = true;
  machine.hypervisor = "QEMU";
  EXPECT_EQ(machine_words(machine), "virtual machine (QEMU)");
  machine.container = true;
  EXPECT_EQ(machine_words(machine), "container in a virtual machine (QEMU)");
}

}  // namespace
}  // namespace nines::cli
