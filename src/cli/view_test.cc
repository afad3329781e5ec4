#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/event_view.h"
#include "cli/unit_view.h"

namespace nines::cli {
namespace {

using testing::HasSubstr;

api::UnitStatus unit_in(const std::string& name, api::UnitState state) {
  api::UnitStatus unit;
  unit.name = name;
  unit.state = state;
  return unit;
}

TEST(UnitView, TroubleComesFirst) {
  const std::string text =
      unit_table({unit_in("b", api::UnitState::kRunning), unit_in("a", api::UnitState::kRunning),
                  unit_in("s", api::UnitState::kStopped),
                  unit_in("w", api::UnitState::kWaitingRestart),
                  unit_in("f", api::UnitState::kFailed)})
          .render(Terminal{});
  std::string order;
  for (std::size_t line = text.find('\n'); line + 1 < text.size();
       line = text.find('\n', line + 1)) {
    order += text[line + 1];
  }
  EXPECT_EQ(order, "fwabs");
}

TEST(UnitView, PercentNeverRoundsUpToWhole) {
  EXPECT_EQ(percent(1), "100 %");
  EXPECT_EQ(percent(0.9999999), "99.9999 %");
  EXPECT_EQ(percent(0.9999), "99.99 %");
  EXPECT_EQ(percent(0.5), "50 %");
  EXPECT_EQ(percent(0), "0 %");
}

TEST(UnitView, TheCardSaysWhatIsKnownAndNothingElse) {
  api::UnitStatus unit = unit_in("a.service", api::UnitState::kRunning);
  const std::string bare = unit_card(unit, Terminal{});
  EXPECT_THAT(bare, testing::Not(HasSubstr("uses")));
  EXPECT_THAT(bare, testing::Not(HasSubstr("main pid")));
  unit.restarts = 2;
  unit.last_exit = "killed by SIGSEGV";
  unit.last_recovery_ms = 12;
  unit.memory = Bytes{10 << 20};
  unit.availability_24h = 0.9998;
  unit.availability_target = 0.9999;
  unit.description = "evil \x1b]0;title\x07";
  const std::string card = unit_card(unit, Terminal{});
  EXPECT_THAT(card, HasSubstr("2, last end: killed by SIGSEGV, ready again after 12.0 ms"));
  EXPECT_THAT(card, HasSubstr("10.0 MiB"));
  EXPECT_THAT(card, HasSubstr("99.98 % of the last 24 h, target 99.99 %"));
  EXPECT_THAT(card, HasSubstr("evil \\x1b]0;title\\x07"));
}

TEST(EventView, ShowsTheDetailAsWords) {
  ledger::Event event;
  event.time = UtcTime{0};
  event.kind = "unit.exit";
  event.subject = "a.service";
  event.detail_json = R"({"empty":"","reason":"killed by SIGSEGV","took_ms":7})";
  EXPECT_EQ(event_line(event, Terminal{}),
            "1970-01-01T00:00:00.000Z  a.service  unit.exit  reason=killed by SIGSEGV, took_ms=7");
}

TEST(EventView, LogsAreHarmlessOnATerminalAndUntouchedInAFile) {
  const api::LogLine line{UtcTime{0}, "out", "\x1b[2Jx"};
  EXPECT_EQ(log_line(line, true, Terminal{}), "\x1b[2Jx");
  Terminal terminal;
  terminal.is_terminal = true;
  EXPECT_EQ(log_line(line, true, terminal), "\\x1b[2Jx");
  EXPECT_EQ(log_line(line, false, terminal), "1970-01-01T00:00:00.000Z \\x1b[2Jx");
}

TEST(ParseSince, TimesAndDurations) {
  const UtcTime now{1'000'000'000'000'000'000};
  EXPECT_EQ(parse_since("90s", now)->ns, now.ns - 90'000'000'000);
  EXPECT_EQ(parse_since("10min", now)->ns, now.ns - 600'000'000'000);
  EXPECT_EQ(parse_since("2h", now)->ns, now.ns - 7'200'000'000'000);
  EXPECT_EQ(parse_since("1970-01-01T00:00:01Z", now)->ns, 1'000'000'000);
  for (const std::string bad : {"", "10", "h", "-1h", "1w", "1h30", "99999999999d", "T"}) {
    const auto since = parse_since(bad, now);
    ASSERT_FALSE(since.has_value()) << bad;
    EXPECT_EQ(since.error().code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace nines::cli
