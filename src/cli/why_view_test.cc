#include "cli/why_view.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cli/predictors_view.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kEnd = 1'795'000'000;  // in November 2026
constexpr std::int64_t kDay = 86400;

Terminal narrow() {
  Terminal terminal;
  terminal.is_terminal = true;
  terminal.width = 80;
  return terminal;
}

/// Down `count` times, for one cause after another.
ledger::UnitReport unit(const std::string& name, int count, std::optional<double> target) {
  static const std::vector<ledger::Cause> kCauses = {
      {ledger::CauseClass::kCrash, "SEGV"}, {ledger::CauseClass::kOom, ""},
      {ledger::CauseClass::kRequest, ""},   {ledger::CauseClass::kHostCrash, ""},
      {ledger::CauseClass::kExit, "3"},     {ledger::CauseClass::kDependency, "other.service"}};
  ledger::History history;
  history.unit = name;
  history.first_seen = UtcTime{(kEnd - 40 * kDay) * kSecond};
  history.target = target;
  for (int i = 0; i < count; ++i) {
    ledger::DownSpan span;
    span.start = UtcTime{(kEnd - (i + 1) * kDay) * kSecond};
    span.duration = Nanoseconds((i + 1) * kSecond);
    span.cause = kCauses[static_cast<std::size_t>(i) % kCauses.size()];
    span.planned = span.cause.kind == ledger::CauseClass::kRequest;
    span.cell = static_cast<ledger::Cell>(i % 2 == 0 ? 0 : 3);
    span.cause_event = "0123456789abcdef0123456789abcdef-unit.exit";
    history.spans.push_back(span);
  }
  return ledger::analyse(history, UtcTime{(kEnd - 30 * kDay) * kSecond}, UtcTime{kEnd * kSecond});
}

ledger::WhyReport report_of(std::vector<ledger::UnitReport> units) {
  ledger::WhyQuery query;
  query.from = UtcTime{(kEnd - 30 * kDay) * kSecond};
  query.to = UtcTime{kEnd * kSecond};
  return ledger::summarise(query, unit("host", 1, std::nullopt), std::move(units));
}

/// Settings are there to be copied, and are not cut.
void expect_fits(const std::string& text) {
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    if (line.find("/etc/nines/units/") != std::string::npos) continue;
    EXPECT_LE(display_width(line), 80U) << line;
  }
  EXPECT_LE(count, 23) << text;
}

TEST(WhyView, AFullPageFitsTheTerminal) {
  std::vector<ledger::UnitReport> units;
  for (int i = 0; i < 40; ++i) units.push_back(unit(fmt::format("u{}.service", i), i % 20, 0.999));
  const std::string page = why_page(report_of(units), narrow());
  expect_fits(page);
  EXPECT_THAT(page, HasSubstr("and 34 more"));
  EXPECT_THAT(page, HasSubstr("host"));
}

TEST(WhyView, AFullCardFitsTheTerminal) {
  const auto report = report_of({unit("redis-server.service", 20, 0.99999)});
  const std::string card = why_card(report.units.front(), {}, narrow());
  expect_fits(card);
  EXPECT_THAT(card, HasSubstr("99.999 %"));
  EXPECT_THAT(card, HasSubstr("burn rate"));
  EXPECT_THAT(card, HasSubstr("MTBF"));
}

ledger::PredictorScore score_of(const std::string& name, std::size_t warned) {
  ledger::PredictorScore score{.predictor = name, .warned = warned};
  score.came_true = 5;
  score.false_alarms = 1;
  score.failures = 7;
  score.foretold = 5;
  score.lead_median = std::chrono::seconds(754);
  return score;
}

ledger::Scores scores_of(int predictors) {
  ledger::Scores scores;
  scores.all = score_of("", 1000);
  for (int i = 0; i < predictors; ++i) {
    const auto warned = static_cast<std::size_t>(i) + 6;
    scores.predictors.push_back(score_of(fmt::format("recurrence{}", i), warned));
  }
  return scores;
}

/// The line that begins with `name`, its blanks made one.
std::string row_of(const std::string& page, const std::string& name) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream words(line);
    std::string row;
    for (std::string word; words >> word;) row += (row.empty() ? "" : " ") + word;
    return row;
  }
  return "";
}

TEST(WhyView, PredictorsAreJudged) {
  ledger::Scores scores;
  scores.predictors = {score_of("memory", 6)};
  scores.all = score_of("", 6);
  const std::string block = predictors_block(scores, 3, Terminal{});
  EXPECT_EQ(row_of(block, "PREDICTOR"),
            "PREDICTOR WARNED TRUE FALSE ACTED ON PENDING PRECISION RECALL LEAD");
  EXPECT_EQ(row_of(block, "memory"), "memory 6 5 1 0 0 83 % 71 % 12 min 34 s");
  EXPECT_EQ(row_of(block, "all"), "");  // the same numbers again
  const std::string card = why_card(unit("a.service", 1, std::nullopt), scores, narrow());
  EXPECT_THAT(card, HasSubstr("memory"));
}

TEST(WhyView, PredictorsThatWarnMostComeFirst) {
  const std::string block = predictors_block(scores_of(5), 2, narrow());
  EXPECT_LT(block.find("recurrence4"), block.find("recurrence3"));
  EXPECT_THAT(block, Not(HasSubstr("recurrence2")));
  EXPECT_THAT(row_of(block, "all"), HasSubstr("all 1000 5 1"));
}

TEST(WhyView, PredictorsAreSilentWhereNothingHappened) {
  EXPECT_EQ(predictors_block({}, 3, narrow()), "");
  ledger::Scores scores;
  scores.all.failures = 2;
  EXPECT_EQ(predictors_block(scores, 3, Terminal{}),
            "\nPredictors  no warning before 2 unplanned downtimes\n");
}

TEST(WhyView, WithPredictorsItStillFitsTheTerminal) {
  std::vector<ledger::UnitReport> units;
  for (int i = 0; i < 40; ++i) units.push_back(unit(fmt::format("u{}.service", i), i % 20, 0.999));
  ledger::Scores unforeseen;
  unforeseen.all.failures = 100;
  for (const ledger::Scores& scores : {unforeseen, scores_of(1), scores_of(9)}) {
    ledger::WhyReport report = report_of(units);
    report.predictors = scores;
    const std::string page = why_page(report, narrow());
    expect_fits(page);
    EXPECT_THAT(page, HasSubstr("What cost most"));
    EXPECT_THAT(page, HasSubstr("avoid"));
    const std::string card = why_card(
        report_of({unit("redis-server.service", 20, 0.99999)}).units.front(), scores, narrow());
    expect_fits(card);
    EXPECT_THAT(card, HasSubstr("What cost most"));
  }
}

TEST(WhyView, NothingDownSaysSo) {
  const auto report = report_of({unit("a.service", 0, std::nullopt)});
  EXPECT_THAT(why_page(report, Terminal{}), HasSubstr("Nothing was down"));
  const std::string card = why_card(report.units.front(), {}, Terminal{});
  EXPECT_THAT(card, HasSubstr("never"));
  EXPECT_THAT(card, HasSubstr("100 %"));
  EXPECT_THAT(why_page(report_of({}), Terminal{}), HasSubstr("no unit that ever served"));
}

TEST(WhyView, ASettingIsSaidOnceForTwoCauses) {
  ledger::UnitReport twice = unit("a.service", 5, std::nullopt);
  std::erase_if(twice.causes, [](const ledger::CauseTally& tally) {
    return tally.cause.kind != ledger::CauseClass::kCrash &&
           tally.cause.kind != ledger::CauseClass::kExit;
  });
  const auto report = report_of({twice});
  const std::string card = why_card(report.units.front(), {}, Terminal{});
  const std::size_t first = card.find("Standby=1");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(card.find("[X-Nines] Standby=1", card.find("[X-Nines] Standby=1") + 1),
            std::string::npos);
}

TEST(WhyView, WhatAUnitPrintsIsHarmless) {
  ledger::UnitReport evil = unit("a\x1b[2J.service", 1, std::nullopt);
  evil.causes[0].cause = {ledger::CauseClass::kUnknown, "\x1b]0;x\x07"};
  const auto report = report_of({evil});
  EXPECT_THAT(why_page(report, narrow()), Not(HasSubstr("\x1b")));
  EXPECT_THAT(why_card(report.units.front(), {}, narrow()), Not(HasSubstr("\x1b")));
}

TEST(WhyView, PercentShowsWhereItDiffersFromWhole) {
  EXPECT_EQ(fine_percent(1.0), "100 %");
  EXPECT_EQ(fine_percent(0.999512), "99.9512 %");
  EXPECT_EQ(fine_percent(0.9999951), "99.99951 %");
  EXPECT_EQ(fine_percent(0.5), "50 %");
  EXPECT_EQ(fine_percent(0.0), "0 %");
}

TEST(WhyView, AStoryTellsWhatLedToIt) {
  ledger::EventStory story;
  story.event.event.kind = "unit.ready";
  story.event.event.subject = "a.service";
  story.causes.resize(1);
  story.causes[0].event.kind = "unit.exit";
  EXPECT_THAT(story_page(story, Terminal{}), HasSubstr("It belongs to no downtime"));
  story.downtimes.resize(1);
  story.downtimes[0].interval.unit = "a.service";
  story.cause = {ledger::CauseClass::kKilled, "KILL"};
  story.avoid = ledger::advise(story.cause, ledger::Cell::kAppUnplanned, "a.service", {});
  const std::string page = story_page(story, Terminal{});
  EXPECT_THAT(page, HasSubstr("Because of"));
  EXPECT_THAT(page, HasSubstr("unit.exit"));
  EXPECT_THAT(page, HasSubstr("killed by SIGKILL"));
  EXPECT_THAT(page, HasSubstr("still down"));
}

}  // namespace
}  // namespace nines::cli
