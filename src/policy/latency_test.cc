#include "policy/latency.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace nines::policy {
namespace {

constexpr double kDay = 86'400;

/// One check each 10 s from `from` to `end`; latency(t) in seconds. @return when it warned.
template <typename Latency>
std::vector<double> feed(LatencyPredictor& predictor, double from, double end, Latency latency) {
  std::vector<double> warned;
  for (double t = from; t < end; t += 10) {
    const BootTime now{static_cast<std::int64_t>((t + 10) * 1e9)};
    const Nanoseconds took{static_cast<std::int64_t>(latency(t) * 1e9)};
    if (predictor.add(now, took, std::chrono::seconds(2))) warned.push_back(t);
  }
  return warned;
}

struct Usual {
  explicit Usual(unsigned seed) : random(seed) {}
  /// Around a millisecond, with single answers that are twenty times as slow.
  double operator()() {
    const double slow = std::uniform_real_distribution(0.0, 1.0)(random) < 0.03 ? 20 : 1;
    return 0.001 * slow * std::lognormal_distribution(0.0, 0.3)(random);
  }
  std::mt19937_64 random;
};

TEST(LatencyTest, SlowerAnswersAreForetoldOnce) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    Usual usual(seed);
    LatencyPredictor predictor;
    const double change = kDay * 1.5;
    const auto warned = feed(predictor, 0, change + 1800, [&](double t) {
      return usual() * (t < change ? 1 : 4 + (t - change) / 300);
    });
    ASSERT_EQ(warned.size(), 1U) << seed;
    EXPECT_GE(warned[0], change);
    EXPECT_LE(warned[0], change + 900);
  }
}

TEST(LatencyTest, NoiseSpikesAndBurstsAreNoChange) {
  int warnings = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    Usual usual(seed);
    LatencyPredictor predictor;
    // A backup of two minutes each hour, too.
    warnings += static_cast<int>(feed(predictor, 0, 7 * kDay, [&](double t) {
                                   return usual() * (std::fmod(t, 3600) < 120 ? 10 : 1);
                                 }).size());
  }
  EXPECT_LT(warnings, 20) << "less than one for each unit and week";
}

TEST(LatencyTest, BusyHoursAreKnownAfterADay) {
  int warnings = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    Usual usual(seed);
    LatencyPredictor predictor;
    warnings += static_cast<int>(feed(predictor, 0, 7 * kDay, [&](double t) {
                                   const double wave = std::sin(2 * std::numbers::pi * t / kDay);
                                   return usual() * (1 + 1.2 * std::max(0.0, wave));
                                 }).size());
  }
  EXPECT_LT(warnings, 20);
}

TEST(LatencyTest, NewLevelThatStaysIsUsual) {
  Usual usual(1);
  LatencyPredictor predictor;
  const auto first =
      feed(predictor, 0, 2.5 * kDay, [&](double t) { return usual() * (t < 1.5 * kDay ? 1 : 6); });
  EXPECT_EQ(first.size(), 1U);
  const auto second = feed(predictor, 2.5 * kDay, 3 * kDay,
                           [&](double t) { return usual() * (t < 2.7 * kDay ? 6 : 40); });
  EXPECT_EQ(second.size(), 1U);
}

TEST(LatencyTest, Garbage) {
  std::mt19937_64 random(9);
  LatencyPredictor predictor;
  for (int i = 0; i < 200'000; ++i) {
    const BootTime time{static_cast<std::int64_t>(random() >> (random() % 64))};
    const Nanoseconds latency{static_cast<std::int64_t>(random())};
    const Nanoseconds timeout{static_cast<std::int64_t>(random())};
    if (const auto said = predictor.add(time, latency, timeout)) {
      EXPECT_TRUE(std::isfinite(said->value));
    }
    if (i % 1000 == 0) predictor.restart();
  }
}

}  // namespace
}  // namespace nines::policy
