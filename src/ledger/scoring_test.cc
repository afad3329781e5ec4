#include "ledger/scoring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace nines::ledger {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

UtcTime at(std::int64_t second) {
  return UtcTime{second * kSecond};
}

DownSpan failure(std::int64_t start, Cell cell = Cell::kAppUnplanned) {
  DownSpan span;
  span.start = at(start);
  span.duration = std::chrono::seconds(1);
  span.cell = cell;
  return span;
}

DownSpan restart(std::int64_t start) {
  DownSpan span = failure(start, Cell::kAppPlanned);
  span.planned = true;
  return span;
}

Prediction warning(std::int64_t time, std::int64_t horizon, const std::string& predictor = "memory",
                   bool of_host = false) {
  return {at(time), std::chrono::seconds(horizon), of_host, "id", predictor};
}

/// Of one unit, over [0, 1000) s.
Scores score(const std::vector<Prediction>& warnings, const std::vector<DownSpan>& spans,
             const std::vector<UtcTime>& rejuvenations = {}) {
  Scoring scoring(at(0), at(1000));
  const Outcomes outcomes(spans, rejuvenations);
  scoring.add_warnings(warnings, outcomes);
  scoring.add_failures(warnings, outcomes, at(0));
  return scoring.scores();
}

/// "warned true false acted-on pending".
std::string counts(const PredictorScore& score) {
  std::string text;
  for (const std::size_t count :
       {score.warned, score.came_true, score.false_alarms, score.acted_on, score.pending}) {
    text += (text.empty() ? "" : " ") + std::to_string(count);
  }
  return text;
}

TEST(Scoring, NothingAtAll) {
  const Scores scores = score({}, {});
  EXPECT_TRUE(scores.predictors.empty());
  EXPECT_EQ(counts(scores.all), "0 0 0 0 0");
  EXPECT_FALSE(scores.all.precision());
  EXPECT_FALSE(scores.all.recall());
  EXPECT_FALSE(scores.all.lead_median);
}

TEST(Scoring, AWarningComesTrue) {
  const Scores scores = score({warning(100, 50)}, {failure(150)});
  EXPECT_EQ(counts(scores.all), "1 1 0 0 0");
  EXPECT_EQ(*scores.all.precision(), 1.0);
  EXPECT_EQ(*scores.all.recall(), 1.0);
  EXPECT_EQ(*scores.all.lead_median, std::chrono::seconds(50));
  EXPECT_EQ(scores.predictors.at(0).predictor, "memory");
  EXPECT_EQ(counts(scores.predictors.at(0)), "1 1 0 0 0");
}

TEST(Scoring, AFailureAfterTheHorizonOrAtTheWarningIsNotForetold) {
  for (const std::int64_t when : {100, 151}) {
    const Scores scores = score({warning(100, 50)}, {failure(when)});
    EXPECT_EQ(counts(scores.all), "1 0 1 0 0") << when;
    EXPECT_EQ(*scores.all.precision(), 0.0);
    EXPECT_EQ(*scores.all.recall(), 0.0);
    EXPECT_EQ(scores.all.failures, 1U);
    EXPECT_FALSE(scores.all.lead_least);
  }
}

TEST(Scoring, OnePendsUntilItsHorizonIsOver) {
  EXPECT_EQ(counts(score({warning(900, 99)}, {}).all), "1 0 1 0 0");
  EXPECT_EQ(counts(score({warning(900, 100)}, {}).all), "1 0 0 0 1");
  EXPECT_FALSE(score({warning(900, 100)}, {}).all.precision());
  EXPECT_EQ(counts(score({warning(900, 100)}, {failure(950)}).all), "1 1 0 0 0");
}

TEST(Scoring, OneThatWasActedOnCountsNeitherWay) {
  for (const Scores& scores :
       {score({warning(100, 50)}, {}, {at(120)}), score({warning(100, 50)}, {restart(120)})}) {
    EXPECT_EQ(counts(scores.all), "1 0 0 1 0");
    EXPECT_FALSE(scores.all.precision());
  }
  // Too late, and before it.
  EXPECT_EQ(counts(score({warning(100, 50)}, {}, {at(151)}).all), "1 0 1 0 0");
  EXPECT_EQ(counts(score({warning(100, 50)}, {}, {at(100)}).all), "1 0 1 0 0");
}

TEST(Scoring, WhatFailsAfterAnActionIsAnotherInstanceThatWasNotWarnedOf) {
  const Scores scores = score({warning(100, 50)}, {restart(120), failure(130)});
  EXPECT_EQ(counts(scores.all), "1 0 0 1 0");
  EXPECT_EQ(scores.all.foretold, 0U);
  EXPECT_EQ(scores.all.failures, 1U);
}

TEST(Scoring, AnActionAfterTheFailureDoesNotUndoIt) {
  const Scores scores = score({warning(100, 50)}, {failure(110), restart(120)});
  EXPECT_EQ(counts(scores.all), "1 1 0 0 0");
  EXPECT_EQ(scores.all.foretold, 1U);
}

TEST(Scoring, TwoWarningsOfOneFailureBothCameTrue) {
  const Scores scores = score({warning(100, 50), warning(120, 50)}, {failure(140)});
  EXPECT_EQ(counts(scores.all), "2 2 0 0 0");
  EXPECT_EQ(scores.all.foretold, 1U);
  EXPECT_EQ(*scores.all.recall(), 1.0);
  EXPECT_EQ(*scores.all.lead_median, std::chrono::seconds(40));  // from the first
}

TEST(Scoring, AWarningThatEndedGivesNoLead) {
  const Scores scores = score({warning(100, 30), warning(120, 50)}, {failure(140)});
  EXPECT_EQ(counts(scores.all), "2 1 1 0 0");
  EXPECT_EQ(*scores.all.lead_median, std::chrono::seconds(20));
}

TEST(Scoring, EachPredictorIsJudgedByItself) {
  const Scores scores = score({warning(100, 50), warning(120, 50, "fds"), warning(400, 50, "fds")},
                              {failure(140), failure(200), failure(410)});
  ASSERT_EQ(scores.predictors.size(), 2U);
  EXPECT_EQ(scores.predictors[0].predictor, "fds");
  EXPECT_EQ(scores.predictors[0].foretold, 2U);
  EXPECT_EQ(*scores.predictors[0].lead_least, std::chrono::seconds(10));
  EXPECT_EQ(scores.predictors[1].foretold, 1U);
  EXPECT_EQ(scores.predictors[1].failures, 3U);
  EXPECT_EQ(scores.all.foretold, 2U);
  EXPECT_EQ(scores.all.failures, 3U);
  // 40 s of the first failure, told of first by memory, and 10 s of the third.
  EXPECT_EQ(*scores.all.lead_median, std::chrono::seconds(10));
  EXPECT_EQ(*scores.all.lead_least, std::chrono::seconds(10));
}

TEST(Scoring, TheHostsWarningsTellNothingOfTheApplication) {
  const std::vector<Prediction> warnings = {warning(100, 50, "memory", true)};
  EXPECT_EQ(counts(score(warnings, {failure(120)}).all), "1 0 1 0 0");
  EXPECT_EQ(score(warnings, {failure(120)}).all.foretold, 0U);
  const Scores scores = score(warnings, {failure(120, Cell::kHwUnplanned)});
  EXPECT_EQ(counts(scores.all), "1 1 0 0 0");
  EXPECT_EQ(scores.all.foretold, 1U);
}

TEST(Scoring, OnlyWhatLiesInTheWindowCounts) {
  Scoring scoring(at(100), at(200));
  const std::vector<Prediction> warnings = {warning(50, 100), warning(150, 100), warning(200, 9)};
  const Outcomes outcomes(
      std::vector<DownSpan>{failure(60), failure(99), failure(110), failure(140), failure(220)},
      {});
  scoring.add_warnings(warnings, outcomes);
  scoring.add_failures(warnings, outcomes, at(120));  // first seen then
  const Scores scores = scoring.scores();
  EXPECT_EQ(counts(scores.all), "1 0 0 0 1");
  EXPECT_EQ(scores.all.failures, 1U);
  EXPECT_EQ(scores.all.foretold, 1U);  // by the warning of before the window
}

TEST(Scoring, UnitsAddUp) {
  Scoring scoring(at(0), at(1000));
  for (int unit = 0; unit < 3; ++unit) {
    const std::vector<Prediction> warnings = {warning(100, 50)};
    const Outcomes outcomes(std::vector<DownSpan>{failure(110 + unit * 30)}, {});
    scoring.add_warnings(warnings, outcomes);
    scoring.add_failures(warnings, outcomes, at(0));
  }
  const Scores scores = scoring.scores();
  EXPECT_EQ(counts(scores.all), "3 2 1 0 0");
  EXPECT_EQ(scores.all.foretold, 2U);
  EXPECT_EQ(scores.all.failures, 3U);
  EXPECT_EQ(*scores.all.lead_median, std::chrono::seconds(10));
}

/// The definitions once more, as loops over everything.
TEST(Scoring, IsWhatTheDefinitionsSay) {
  std::mt19937 random(7);
  const auto pick = [&](int below) { return static_cast<std::int64_t>(random() % below); };
  for (int round = 0; round < 300; ++round) {
    std::vector<Prediction> warnings;
    std::vector<DownSpan> spans;
    for (std::int64_t i = pick(8); i > 0; --i) {
      const bool of_host = pick(4) == 0;
      warnings.push_back(warning(pick(100), pick(60), pick(2) == 0 ? "a" : "b", of_host));
    }
    for (std::int64_t i = pick(8); i > 0; --i) {
      spans.push_back(pick(4) == 0 ? restart(pick(100))
                                   : failure(pick(100), pick(2) == 0 ? Cell::kAppUnplanned
                                                                     : Cell::kOsUnplanned));
    }
    std::sort(warnings.begin(), warnings.end(),
              [](const Prediction& a, const Prediction& b) { return a.time < b.time; });
    const auto tells_of = [&](const Prediction& told, const DownSpan& span) {
      if (span.planned || (told.of_host && is_app(span.cell))) return false;
      if (span.start <= told.time || span.start.ns - told.time.ns > told.horizon.count()) {
        return false;
      }
      return std::none_of(spans.begin(), spans.end(), [&](const DownSpan& other) {
        return other.planned && other.start > told.time && other.start <= span.start;
      });
    };
    std::size_t came_true = 0;
    std::size_t foretold = 0;
    for (const Prediction& told : warnings) {
      came_true += std::any_of(spans.begin(), spans.end(),
                               [&](const DownSpan& span) { return tells_of(told, span); });
    }
    for (const DownSpan& span : spans) {
      foretold += std::any_of(warnings.begin(), warnings.end(),
                              [&](const Prediction& told) { return tells_of(told, span); });
    }
    const Scores scores = score(warnings, spans);
    EXPECT_EQ(scores.all.came_true, came_true) << round;
    EXPECT_EQ(scores.all.foretold, foretold) << round;
  }
}

}  // namespace
}  // namespace nines::ledger
