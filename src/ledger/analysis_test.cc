#include "ledger/analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ledger/advice.h"

namespace nines::ledger {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

UtcTime at(std::int64_t second) {
  return UtcTime{second * kSecond};
}
Nanoseconds seconds(std::int64_t count) {
  return Nanoseconds(count * kSecond);
}

DownSpan span(std::int64_t start, std::int64_t length, bool planned = false,
              Cause cause = {CauseClass::kCrash, "SEGV"}, Cell cell = Cell::kAppUnplanned) {
  DownSpan one;
  one.start = at(start);
  one.duration = seconds(length);
  one.planned = planned;
  one.cause = std::move(cause);
  one.cell = cell;
  return one;
}

TEST(AnalysisTest, NothingDown) {
  const UnitReport report = analyse({"a.service", at(0), {}, {}, 0.999}, at(0), at(1000));
  EXPECT_EQ(report.availability, 1.0);
  EXPECT_FALSE(report.nines);
  EXPECT_FALSE(report.mtbf);
  EXPECT_FALSE(report.mttr);
  EXPECT_FALSE(report.shortened);
  EXPECT_EQ(report.budget->allowed, seconds(1));
  EXPECT_EQ(report.budget->used, seconds(0));
}

TEST(AnalysisTest, TheNumbersOfADay) {
  // A day with two failures of 10 and 30 s and a planned stop of 46.4 s: 86.4 s, three nines.
  History history{"a.service", at(0), {span(1000, 10), span(2000, 30)}, {}, 0.999};
  DownSpan stop = span(3000, 0, true, {CauseClass::kRequest, ""}, Cell::kAppPlanned);
  stop.duration = Nanoseconds(46'400'000'000);
  history.spans.push_back(stop);
  const UnitReport report = analyse(history, at(0), UtcTime{kDay});
  EXPECT_NEAR(report.availability, 0.999, 1e-12);
  EXPECT_NEAR(*report.nines, 3.0, 1e-9);
  EXPECT_EQ(report.outages, 3U);
  EXPECT_EQ(report.failures, 2U);
  EXPECT_EQ(report.unplanned, seconds(40));
  EXPECT_EQ(report.planned, Nanoseconds(46'400'000'000));
  EXPECT_EQ(*report.mttr, seconds(20));
  EXPECT_EQ(report.mtbf->count(), (kDay - 86'400'000'000) / 2);
  EXPECT_EQ(report.by_cell[static_cast<std::size_t>(Cell::kAppPlanned)], report.planned);
  EXPECT_EQ(report.budget->allowed, report.budget->used);
  ASSERT_EQ(report.causes.size(), 2U);
  EXPECT_EQ(report.causes[0].cause.kind, CauseClass::kRequest);
  EXPECT_EQ(report.causes[1].times, 2U);
  EXPECT_EQ(report.causes[1].longest, seconds(30));
  EXPECT_EQ(report.causes[1].last, at(2000));
}

TEST(AnalysisTest, BeginsNoEarlierThanTheUnit) {
  const History history{"a.service", at(900), {span(950, 10)}, {}, std::nullopt};
  const UnitReport report = analyse(history, at(0), at(1000));
  EXPECT_TRUE(report.shortened);
  EXPECT_EQ(report.from, at(900));
  EXPECT_NEAR(report.availability, 0.9, 1e-12);
}

TEST(AnalysisTest, AnOpenOneReachesToTheEnd) {
  History history{"a.service", at(0), {span(990, 0)}, {}, std::nullopt};
  history.spans[0].duration.reset();
  const UnitReport report = analyse(history, at(0), at(1000));
  EXPECT_EQ(report.down_since, at(990));
  EXPECT_EQ(report.downtime, seconds(10));
}

TEST(AnalysisTest, BurnRatesLookAtTheirOwnWindows) {
  // Down for the whole last 36 s of 3 days: 1 % of the last hour.
  const std::int64_t end = 10 * kDay / kSecond;
  const History history{"a.service", at(0), {span(end - 36, 36)}, {}, 0.999};
  const UnitReport report = analyse(history, at(end - 60), at(end));
  ASSERT_EQ(report.budget->burn.size(), kBurnWindows.size());
  EXPECT_NEAR(report.budget->burn[0].rate, 36.0 / 3600 / 0.001, 1e-6);
  EXPECT_NEAR(report.budget->burn[1].rate, 36.0 / 21600 / 0.001, 1e-6);
  EXPECT_NEAR(report.budget->burn[2].rate, 36.0 / 259200 / 0.001, 1e-6);
}

TEST(AnalysisTest, ASecondOfAYoungUnitIsNoAlarm) {
  const History history{"a.service", at(100), {span(130, 1)}, {}, 0.999};
  const UnitReport report = analyse(history, at(0), at(160));
  for (std::size_t i = 0; i < kBurnWindows.size(); ++i) {
    EXPECT_LT(report.budget->burn[i].rate, kBurnWindows[i].alarm);
  }
  EXPECT_NEAR(report.budget->burn[0].rate, 1.0 / 3600 / 0.001, 1e-6);
}

TEST(AnalysisTest, PredictableIsWhatWasForetoldInTime) {
  struct Case {
    const char* what;
    Prediction prediction;
    Cell cell;
    bool planned;
    bool predictable;
  };
  const Case cases[] = {
      {"in time", {at(900), seconds(200), false, "p"}, Cell::kAppUnplanned, false, true},
      {"at the very end", {at(900), seconds(100), false, "p"}, Cell::kAppUnplanned, false, true},
      {"horizon over", {at(900), seconds(99), false, "p"}, Cell::kAppUnplanned, false, false},
      {"with it", {at(1000), seconds(200), false, "p"}, Cell::kAppUnplanned, false, false},
      {"after it", {at(1001), seconds(200), false, "p"}, Cell::kAppUnplanned, false, false},
      {"planned", {at(900), seconds(200), false, "p"}, Cell::kAppPlanned, true, false},
      {"of the host", {at(900), seconds(200), true, "p"}, Cell::kAppUnplanned, false, false},
      {"host by host", {at(900), seconds(200), true, "p"}, Cell::kHwUnplanned, false, true},
  };
  for (const Case& one : cases) {
    const History history{"a.service",
                          at(0),
                          {span(1000, 7, one.planned, {CauseClass::kOom, ""}, one.cell)},
                          {one.prediction},
                          std::nullopt};
    const UnitReport report = analyse(history, at(0), at(2000));
    EXPECT_EQ(report.predictable, one.predictable ? seconds(7) : seconds(0)) << one.what;
    EXPECT_EQ(report.causes[0].predicted, one.predictable ? 1U : 0U) << one.what;
  }
}

/// Second by second, as slow and as plain as can be.
struct Brute {
  std::int64_t down = 0, planned = 0;
  std::size_t touching = 0, failures = 0;

  Brute(const std::vector<DownSpan>& spans, std::int64_t from, std::int64_t to) {
    for (std::int64_t second = from; second < to; ++second) {
      for (const DownSpan& one : spans) {
        const std::int64_t start = one.start.ns / kSecond;
        const std::int64_t end = one.duration ? start + one.duration->count() / kSecond : to;
        if (second < start || second >= end) continue;
        ++down;
        planned += one.planned ? 1 : 0;
        break;  // spans are sorted and do not overlap
      }
    }
    for (const DownSpan& one : spans) {
      const std::int64_t start = one.start.ns / kSecond;
      const std::int64_t end = one.duration ? start + one.duration->count() / kSecond : to;
      const bool instant = end == start;
      if (start >= to || end < from || (end == from && !instant)) continue;
      ++touching;
      if (!one.planned && start >= from) ++failures;
    }
  }
};

TEST(AnalysisTest, AgreesWithBruteForce) {
  std::mt19937 random(20261122);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<DownSpan> spans;
    std::int64_t time = pick(0, 50);
    for (int i = pick(0, 12); i > 0; --i) {
      const std::int64_t length = pick(0, 40);
      spans.push_back(span(time, length, pick(0, 1) == 1));
      time += length + pick(1, 60);
    }
    if (!spans.empty() && pick(0, 3) == 0) spans.back().duration.reset();
    const std::int64_t from = pick(0, 400);
    const std::int64_t to = from + pick(1, 400);
    const std::int64_t first = pick(0, 500);
    const std::int64_t begin = std::min(std::max(from, first), to);
    const Brute brute(spans, begin, to);
    std::vector<DownSpan> shuffled = spans;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    const UnitReport report =
        analyse({"a.service", at(first), shuffled, {}, 0.99}, at(from), at(to));
    ASSERT_EQ(report.downtime, seconds(brute.down)) << "round " << round;
    ASSERT_EQ(report.planned, seconds(brute.planned)) << "round " << round;
    ASSERT_EQ(report.unplanned, seconds(brute.down - brute.planned)) << "round " << round;
    ASSERT_EQ(report.outages, brute.touching) << "round " << round;
    ASSERT_EQ(report.failures, brute.failures) << "round " << round;
    Nanoseconds cells{0};
    for (const Nanoseconds cell : report.by_cell) cells += cell;
    ASSERT_EQ(cells, report.downtime);
    Nanoseconds causes{0};
    std::size_t times = 0;
    for (const CauseTally& tally : report.causes) {
      causes += tally.downtime;
      times += tally.times;
    }
    ASSERT_EQ(causes, report.downtime);
    ASSERT_EQ(times, report.outages);
    if (to > begin) {
      ASSERT_NEAR(report.availability,
                  1.0 - static_cast<double>(brute.down) / static_cast<double>(to - begin), 1e-12);
    }
  }
}

TEST(AdviceTest, IsWhatIsNotSetUpYet) {
  const Cause crash{CauseClass::kCrash, "SEGV"};
  const Advice general = advise(crash, Cell::kAppUnplanned, "a.service", {});
  EXPECT_EQ(general.cell, Cell::kAppUnplanned);
  EXPECT_NE(general.setup.find("Standby=1"), std::string::npos);
  EXPECT_NE(general.setup.find("a.socket"), std::string::npos);
  UnitFacts facts;
  facts.known = facts.held_socket = true;
  const Advice with_socket = advise(crash, Cell::kAppUnplanned, "a.service", facts);
  EXPECT_EQ(with_socket.setup.find("ListenStream"), std::string::npos);
  EXPECT_NE(with_socket.setup.find("Standby=1"), std::string::npos);
  facts.standby = true;
  const Advice nothing = advise(crash, Cell::kAppUnplanned, "a.service", facts);
  EXPECT_FALSE(nothing.cell);
  EXPECT_TRUE(nothing.setup.empty());
  EXPECT_TRUE(nothing.text.starts_with("none"));
}

TEST(AdviceTest, EveryCauseHasALine) {
  for (int kind = 0; kind <= static_cast<int>(CauseClass::kHostReboot); ++kind) {
    const Cause cause{static_cast<CauseClass>(kind), "x"};
    const Advice advice = advise(cause, Cell::kAppUnplanned, "a.service", {});
    EXPECT_FALSE(advice.text.empty()) << to_string(cause);
    // What sets something up must say which cell it is.
    if (!advice.setup.empty()) {
      EXPECT_TRUE(advice.cell) << to_string(cause);
    }
    if (!advice.cell) {
      EXPECT_TRUE(advice.text.starts_with("none")) << advice.text;
    }
  }
}

}  // namespace
}  // namespace nines::ledger
