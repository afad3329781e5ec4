#include "policy/latency.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <vector>

namespace nines::policy {
namespace {

constexpr double kHour = 3600;
constexpr double kDay = 86400;
constexpr double kCheckEvery = 10;
constexpr Nanoseconds kTimeout = std::chrono::seconds(2);

Nanoseconds from_seconds(double seconds) {
  return Nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

/// A check every 10 s for `length` seconds; noise is lognormal with 30 %.
std::vector<Forecast> feed(LatencyPredictor& predictor, double& now, double length,
                           std::mt19937_64& engine, const std::function<double(double)>& latency) {
  std::lognormal_distribution<double> noise(0, 0.3);
  std::vector<Forecast> said;
  for (const double from = now; now < from + length; now += kCheckEvery) {
    const double seconds = std::min(1.99, latency(now - from) * noise(engine));
    auto forecast =
        predictor.add(BootTime{from_seconds(now).count()}, from_seconds(seconds), kTimeout);
    if (forecast) said.push_back(*forecast);
  }
  return said;
}

double usual(double) {
  return 0.02;
}

class Latency : public testing::TestWithParam<unsigned> {
 protected:
  std::mt19937_64 engine_{GetParam()};
  LatencyPredictor predictor_;
  double now_ = 1000;
};

TEST_P(Latency, AChangeForGoodIsWarnedAboutOnceAndThenIsNormal) {
  EXPECT_TRUE(feed(predictor_, now_, 2 * kDay, engine_, usual).empty());
  const auto said = feed(predictor_, now_, kDay, engine_, [](double) { return 0.08; });
  ASSERT_EQ(said.size(), 1U);
  EXPECT_FALSE(said[0].urgent);
  EXPECT_EQ(said[0].predictor, Predictor::kLatency);
  EXPECT_NEAR(said[0].value, 0.08, 0.04);
  EXPECT_EQ(said[0].limit, 2);
  // From the new level on, four times as much is again a change.
  EXPECT_EQ(feed(predictor_, now_, kDay, engine_, [](double) { return 0.32; }).size(), 1U);
}

TEST_P(Latency, TowardsTheTimeoutItBecomesUrgent) {
  EXPECT_TRUE(feed(predictor_, now_, 2 * kDay, engine_, usual).empty());
  const auto said = feed(predictor_, now_, 2 * kHour, engine_,
                         [](double t) { return 0.02 + 1.8 * t / (2 * kHour); });
  ASSERT_FALSE(said.empty());
  ASSERT_LE(said.size(), 2U);
  EXPECT_TRUE(said.back().urgent);
}

TEST_P(Latency, SpikesBurstsAndTheDayDoNotAlarm) {
  std::bernoulli_distribution spike(0.05);
  const auto said = feed(predictor_, now_, 7 * kDay, engine_, [&](double t) {
    const double day = std::exp(0.69 * std::sin(2 * std::numbers::pi * t / kDay));
    const bool burst = std::fmod(t, 5 * kHour) < 180;
    return 0.02 * day * (spike(engine_) ? 30 : 1) * (burst ? 10 : 1);
  });
  EXPECT_TRUE(said.empty());
}

TEST_P(Latency, WarmingUpDoesNotAlarmAndARestartForgets) {
  const auto warming = [](double t) { return 0.02 + 0.5 * std::exp(-t / 300); };
  for (int instance = 0; instance < 3; ++instance) {
    EXPECT_TRUE(feed(predictor_, now_, kDay, engine_, warming).empty());
    predictor_.restart();
  }
}

TEST_P(Latency, NonsenseNeitherCrashesNorWarns) {
  for (int i = 0; i < 20000; ++i) {
    const auto number = [&] {
      const auto magnitude = static_cast<std::int64_t>(engine_() >> (1 + engine_() % 60));
      return engine_() % 4 == 0 ? -magnitude : magnitude;
    };
    predictor_.add(BootTime{number()}, Nanoseconds(number()), Nanoseconds(number()));
    EXPECT_FALSE(predictor_.add(BootTime{number()}, Nanoseconds(0), kTimeout));
    EXPECT_FALSE(predictor_.add(BootTime{number()}, Nanoseconds(5), Nanoseconds(-1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Latency, testing::Range(1U, 9U));

}  // namespace
}  // namespace nines::policy
