#include "policy/trend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace nines::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr BootTime kStart{1'000'000'000'000};

/// Feeds value(seconds since `from`) for `length`, at the intervals that the predictor asks for.
std::vector<Forecast> feed(TrendPredictor& predictor, BootTime& now, Nanoseconds length,
                           const std::function<double(double)>& value, double limit = 1000) {
  std::vector<Forecast> said;
  const BootTime from = now;
  while (now - from < length) {
    const double since = static_cast<double>((now - from).count()) * 1e-9;
    if (auto forecast = predictor.add({now, value(since), limit})) said.push_back(*forecast);
    now = now + predictor.next_reading_in();
  }
  return said;
}

std::function<double(double)> line(double from, double to, Nanoseconds length) {
  const double span = static_cast<double>(length.count()) * 1e-9;
  return [=](double t) { return from + (to - from) * t / span; };
}

double flat(double) {
  return 400;
}

TEST(Trend, ALeakIsWarnedAboutOnceAndCalledUrgentOnce) {
  TrendPredictor predictor(Predictor::kMemory);
  BootTime now = kStart;
  const auto said = feed(predictor, now, hours(10), line(100, 1000, hours(10)));
  ASSERT_EQ(said.size(), 2U);
  EXPECT_FALSE(said[0].urgent);
  EXPECT_TRUE(said[1].urgent);
  const Forecast& warning = said[0];
  EXPECT_EQ(warning.predictor, Predictor::kMemory);
  EXPECT_EQ(warning.limit, 1000);
  EXPECT_NEAR(warning.slope_per_s, 900.0 / 36000, 0.001);
  const double left = (1000 - warning.value) / (900.0 / 36000);
  EXPECT_NEAR(static_cast<double>(warning.horizon.count()) * 1e-9, left, 0.05 * left);
  EXPECT_LE(warning.earliest, warning.horizon);
  EXPECT_GE(warning.latest, warning.horizon);
  EXPECT_GT(warning.confidence, 0.95);
  EXPECT_LE(warning.confidence, 1);
  EXPECT_GT(warning.samples, 100U);
  EXPECT_LE(warning.horizon, warning.observed * 3 / 2 + minutes(5));
}

TEST(Trend, AFastLeakIsUrgentAtOnceAndInTime) {
  TrendPredictor predictor(Predictor::kMemory);
  BootTime now = kStart;
  const auto said = feed(predictor, now, seconds(60), line(50, 1000, seconds(60)));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].urgent);
  EXPECT_GE(said[0].horizon, seconds(10));
}

TEST(Trend, ASlowLeakMayActLateWhenAReplacementIsSlow) {
  TrendSettings settings;
  settings.act_before = hours(3);
  TrendPredictor predictor(Predictor::kMemory, settings);
  BootTime now = kStart;
  const auto said = feed(predictor, now, hours(10), line(100, 1000, hours(10)));
  ASSERT_EQ(said.size(), 2U);
  EXPECT_LT(said[1].earliest, hours(3));
  EXPECT_GT(said[1].horizon, hours(2));
}

TEST(Trend, AfterFallingBackAnotherEpisodeMayWarn) {
  TrendPredictor predictor(Predictor::kMemory);
  BootTime now = kStart;
  EXPECT_FALSE(feed(predictor, now, hours(4), line(300, 700, hours(4))).empty());
  EXPECT_TRUE(feed(predictor, now, hours(4), [](double) { return 300; }).empty());
  EXPECT_FALSE(feed(predictor, now, hours(6), line(300, 1000, hours(6))).empty());
}

TEST(Trend, AfterARestartAnotherEpisodeMayWarn) {
  TrendPredictor predictor(Predictor::kMemory);
  BootTime now = kStart;
  for (int instance = 0; instance < 3; ++instance) {
    EXPECT_EQ(feed(predictor, now, hours(4), line(100, 990, hours(4))).size(), 2U) << instance;
    predictor.restart();
  }
}

TEST(Trend, AGrowthThatStopsIsOverAndIsNotWarnedAboutAgain) {
  TrendPredictor predictor(Predictor::kMemory);
  BootTime now = kStart;
  EXPECT_FALSE(feed(predictor, now, hours(4), line(100, 700, hours(4))).empty());
  EXPECT_TRUE(feed(predictor, now, hours(100), [](double) { return 700; }).empty());
}

TEST(Trend, ReadsFastWhileYoungAndNearTheLimitAndSlowlyOtherwise) {
  TrendPredictor predictor(Predictor::kMemory);
  EXPECT_EQ(predictor.next_reading_in(), seconds(1));
  BootTime now = kStart;
  feed(predictor, now, seconds(50), flat);
  EXPECT_EQ(predictor.next_reading_in(), seconds(1));
  feed(predictor, now, minutes(10), flat);
  EXPECT_EQ(predictor.next_reading_in(), seconds(30));
  feed(predictor, now, minutes(10), [](double) { return 510; });
  EXPECT_EQ(predictor.next_reading_in(), seconds(5));
  feed(predictor, now, minutes(9), line(510, 960, minutes(9)));
  EXPECT_EQ(predictor.next_reading_in(), seconds(1));
}

TEST(Trend, WithoutALimitNothingIsSaid) {
  for (const double limit : {kInfinity, kNan, 0.0, -5.0, 50.0}) {
    TrendPredictor predictor(Predictor::kMemory);
    BootTime now = kStart;
    EXPECT_TRUE(feed(predictor, now, hours(2), line(100, 1000, hours(2)), limit).empty()) << limit;
  }
}

TEST(Trend, GarbageNeitherCrashesNorWarns) {
  std::mt19937_64 engine(3);
  const std::vector<double> odd = {kNan,  kInfinity, -kInfinity, -1,   0,    1,
                                   1e300, 5e-324,    1e30,       1e10, 999.0};
  const auto pick = [&] { return odd[engine() % odd.size()]; };
  for (int run = 0; run < 50; ++run) {
    TrendPredictor predictor(Predictor::kFds);
    for (int i = 0; i < 2000; ++i) {
      const BootTime time{static_cast<std::int64_t>(engine() >> (engine() % 40))};
      const auto forecast = predictor.add({time, pick(), pick()});
      if (engine() % 500 == 0) predictor.restart();
      EXPECT_FALSE(forecast) << "value " << forecast->value << " limit " << forecast->limit;
      EXPECT_GE(predictor.next_reading_in(), seconds(1));
      EXPECT_LE(predictor.next_reading_in(), seconds(30));
    }
  }
}

TEST(Trend, GarbageBetweenReadingsDoesNotHideALeak) {
  TrendPredictor predictor(Predictor::kMemory);
  std::size_t said = 0;
  for (int s = 0; s < 3600; s += 5) {
    const BootTime now = kStart + seconds(s);
    said += predictor.add({now, 100 + s / 4.0, 1000}).has_value() ? 1 : 0;
    said += predictor.add({now + seconds(1), kNan, 1000}).has_value() ? 1 : 0;
    said += predictor.add({BootTime{now.ns - 7'000'000'000}, 1, 1000}).has_value() ? 1 : 0;
    said += predictor.add({now + seconds(1), -1, 1000}).has_value() ? 1 : 0;
  }
  EXPECT_EQ(said, 2U);
}

TEST(Trend, TimesAtTheEndsOfTheClockAreTaken) {
  TrendPredictor predictor(Predictor::kMemory);
  constexpr auto kLast = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{1}, kLast - 1, kLast,
                                std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()})
    EXPECT_FALSE(predictor.add({BootTime{ns}, 5, 10}));
}

TEST(Trend, NeedsLessThanTwoKibibytesAfterAWeekAndNearlyNothingBefore) {
  TrendPredictor predictor(Predictor::kMemory);
  EXPECT_LE(predictor.memory_bytes(), 128U);
  EXPECT_EQ(sizeof(predictor), predictor.memory_bytes());
  BootTime now = kStart;
  feed(predictor, now, hours(7 * 24), flat);
  EXPECT_LT(predictor.memory_bytes(), 2048U);
}

}  // namespace
}  // namespace nines::policy
