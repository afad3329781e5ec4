#include "policy/rank_trend.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace nines::policy {
namespace {

TEST(RankTrend, FindsALine) {
  std::vector<float> line;
  for (int i = 0; i < 20; ++i) line.push_back(static_cast<float>(5 + 3 * i));
  const RankTrend trend = rank_trend(line);
  EXPECT_DOUBLE_EQ(trend.slope, 3);
  EXPECT_DOUBLE_EQ(trend.low, 3);
  EXPECT_DOUBLE_EQ(trend.high, 3);
  // S = n(n-1)/2 = 190, its variance n(n-1)(2n+5)/18 = 950.
  EXPECT_NEAR(trend.z, 190 / std::sqrt(950.0), 1e-9);
  EXPECT_TRUE(std::isinf(trend.drift_t));
}

TEST(RankTrend, OneOutlierDoesNotMoveTheSlope) {
  std::vector<float> line;
  for (int i = 0; i < 15; ++i) line.push_back(static_cast<float>(i));
  line[7] = 1000;
  EXPECT_NEAR(rank_trend(line).slope, 1, 0.01);
}

TEST(RankTrend, TiesLowerTheVariance) {
  const std::array<float, 6> flat = {2, 2, 2, 2, 2, 2};
  const RankTrend none = rank_trend(flat);
  EXPECT_EQ(none.z, 0);
  EXPECT_EQ(none.drift_t, 0);
  // Groups of 2 and 4: 6*5*17/18 - 2*1*9/18 - 4*3*13/18 = 18.667; S = 8.
  const std::array<float, 6> step = {1, 1, 2, 2, 2, 2};
  EXPECT_LE(rank_trend(step).z, 8 / std::sqrt(18.66));
  EXPECT_GE(rank_trend(step).z, 8 / std::sqrt(18.67 * 3));
}

TEST(RankTrend, TheIntervalHoldsTheSlopeAboutAsOftenAsItSays) {
  std::mt19937_64 engine(7);
  std::normal_distribution<float> noise;
  int held = 0;
  constexpr int kRuns = 400;
  for (int run = 0; run < kRuns; ++run) {
    std::array<float, 20> series{};
    for (std::size_t i = 0; i < series.size(); ++i)
      series[i] = 0.3F * static_cast<float>(i) + noise(engine);
    const RankTrend trend = rank_trend(series);
    held += trend.low <= 0.3 && 0.3 <= trend.high ? 1 : 0;
  }
  EXPECT_GE(held, kRuns * 86 / 100);  // 90 % are promised; corrections only widen it
}

TEST(RankTrend, ARandomWalkHasNoDrift) {
  std::mt19937_64 engine(8);
  std::normal_distribution<float> step;
  int by_rank = 0;
  int by_drift = 0;
  for (int run = 0; run < 400; ++run) {
    std::array<float, 24> walk{};
    for (std::size_t i = 1; i < walk.size(); ++i) walk[i] = walk[i - 1] + step(engine);
    const RankTrend trend = rank_trend(walk);
    by_rank += trend.z > 2.3 ? 1 : 0;
    by_drift += trend.drift_t > 2.3 ? 1 : 0;
  }
  EXPECT_LE(by_drift, 400 * 4 / 100);
  EXPECT_GT(by_rank, by_drift);  // which is why ranks alone are not enough
}

TEST(Growth, AitkenFindsWhereAnExponentialEnds) {
  std::array<float, 18> series{};
  for (std::size_t i = 0; i < series.size(); ++i)
    series[i] = static_cast<float>(100 - 80 * std::exp(-static_cast<double>(i) / 10));
  EXPECT_NEAR(asymptote_of(growth_of(series)), 100, 0.5);
}

TEST(Growth, WhatDoesNotSlowDownHasNoEnd) {
  std::array<float, 12> line{};
  for (std::size_t i = 0; i < line.size(); ++i) line[i] = static_cast<float>(i);
  EXPECT_TRUE(std::isinf(asymptote_of(growth_of(line))));
  const std::array<float, 6> ended = {0, 1, 5, 5, 5, 5};
  EXPECT_EQ(asymptote_of(growth_of(ended)), 5);
}

}  // namespace
}  // namespace nines::policy
