#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"

namespace nines::api {
namespace {

using testing::HasSubstr;
using testing::Not;

ledger::UnitReport full_report() {
  ledger::History history;
  history.unit = "a.service";
  history.first_seen = UtcTime{1'000'000'000'000};
  history.target = 0.999;
  ledger::DownSpan crash;
  crash.start = UtcTime{2'000'000'000'000};
  crash.duration = Nanoseconds(5'000'000'000);
  crash.cause = {ledger::CauseClass::kCrash, "SEGV"};
  crash.cause_event = "e1";
  ledger::DownSpan open = crash;
  open.start = UtcTime{3'000'000'000'000};
  open.duration.reset();
  open.planned = true;
  open.cell = ledger::Cell::kOsPlanned;
  history.spans = {crash, open};
  history.predictions = {{UtcTime{1'999'000'000'000}, std::chrono::seconds(10), false, "p"}};
  return ledger::analyse(history, UtcTime{0}, UtcTime{4'000'000'000'000});
}

TEST(WhyCodec, AReportSurvivesTheRoundTrip) {
  ledger::WhyQuery query;
  query.to = UtcTime{4'000'000'000'000};
  ledger::UnitReport host;
  host.unit = "host";
  const ledger::WhyReport report = ledger::summarise(query, host, {full_report()});
  const std::string text = encode(report);
  const auto again = decode_why(text);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(encode(*again), text);
  const ledger::UnitReport& unit = again->units.at(0);
  EXPECT_EQ(unit.predictable, std::chrono::seconds(5));
  EXPECT_EQ(unit.down_since->ns, 3'000'000'000'000);
  EXPECT_EQ(unit.by_cell[static_cast<std::size_t>(ledger::Cell::kOsPlanned)],
            std::chrono::seconds(1000));
  EXPECT_EQ(unit.budget->burn.size(), 3U);
  EXPECT_EQ(unit.causes.size(), 2U);
  EXPECT_THAT(text, HasSubstr("\"crash:SEGV\""));
}

TEST(WhyCodec, TheScoresOfPredictorsSurviveTheRoundTrip) {
  ledger::WhyReport report = ledger::summarise({}, {}, {});
  ledger::PredictorScore memory{"memory", 6, 5, 1, 2, 3, 7, 4, {}, {}};
  memory.lead_median = std::chrono::minutes(4);
  memory.lead_least = std::chrono::seconds(3);
  report.predictors.all = memory;
  report.predictors.all.predictor = "";
  report.predictors.all.warned = 8;
  report.predictors.predictors = {memory, {.predictor = "fds", .failures = 7}};
  const std::string text = encode(report);
  EXPECT_THAT(text, HasSubstr(R"("precision":0.83333)"));
  EXPECT_THAT(text, HasSubstr(R"("lead_least_ns":3000000000)"));
  const auto again = decode_why(text);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(encode(*again), text);
  EXPECT_EQ(again->predictors.all.warned, 8U);
  ASSERT_EQ(again->predictors.predictors.size(), 2U);
  const ledger::PredictorScore& first = again->predictors.predictors[0];
  EXPECT_EQ(first.came_true, 5U);
  EXPECT_EQ(first.false_alarms, 1U);
  EXPECT_EQ(first.acted_on, 2U);
  EXPECT_EQ(first.pending, 3U);
  EXPECT_EQ(first.failures, 7U);
  EXPECT_EQ(first.foretold, 4U);
  EXPECT_EQ(first.lead_median, std::chrono::minutes(4));
  EXPECT_FALSE(again->predictors.predictors[1].precision());
  EXPECT_FALSE(again->predictors.predictors[1].lead_median);
}

TEST(WhyCodec, AnEarlierDaemonSaysNothingOfPredictors) {
  std::string text = encode(ledger::summarise({}, {}, {}));
  const std::size_t key = text.find("all_predictors");
  ASSERT_NE(key, std::string::npos);
  text.replace(key, 3, "xyz");
  const auto report = decode_why(text);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->predictors.predictors.empty());
}

TEST(WhyCodec, WhatIsNotKnownIsAbsent) {
  ledger::UnitReport unit;
  unit.unit = "a.service";
  const std::string text = encode(ledger::summarise({}, {}, {unit}));
  for (const char* key : {"nines\"", "mtbf", "mttr", "budget", "down_since"}) {
    EXPECT_THAT(text, Not(HasSubstr(key))) << key;
  }
  EXPECT_TRUE(decode_why(text));
}

TEST(WhyCodec, AStorySurvivesTheRoundTrip) {
  ledger::EventStory story;
  story.event.event.id = "e1";
  story.event.event.kind = "unit.exit";
  story.event.boot_id = "b";
  story.event.seq = 7;
  story.causes = {story.event};
  story.effects = {story.event, story.event};
  story.before = {story.event};
  story.predicted_by = story.event;
  ledger::StoredInterval down;
  down.interval.id = "d";
  down.interval.unit = "a.service";
  down.interval.closed = true;
  down.interval.start = UtcTime{5};
  down.interval.end = UtcTime{8};
  down.interval.duration = Nanoseconds(3);
  down.note = "moved";
  story.downtimes = {down};
  story.cause = {ledger::CauseClass::kExit, "3"};
  story.avoid = {ledger::Cell::kAppUnplanned, "text", "setup"};
  const std::string text = encode(story);
  const auto again = decode_story(text);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(encode(*again), text);
  EXPECT_EQ(again->downtimes.at(0).interval.end.ns, 8);
}

TEST(WhyCodec, OtherDocumentsAreRefused) {
  for (const char* text : {"", "{}", "[]", R"({"api":1})", R"({"api":1,"from_ns":"x"})",
                           R"({"api":1,"cause":"exit","event":7})"}) {
    EXPECT_FALSE(decode_why(text)) << text;
    EXPECT_FALSE(decode_story(text)) << text;
  }
}

}  // namespace
}  // namespace nines::api
