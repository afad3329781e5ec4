#include "policy/same_crash.h"

#include <gtest/gtest.h>

#include <random>

namespace nines::policy {
namespace {

constexpr std::int64_t kSecond_ns = 1'000'000'000;

UtcTime at(double seconds) {
  return UtcTime{static_cast<std::int64_t>(seconds * 1e9)};
}

TEST(SameCrash, IsExpectedAgainAfterTheMeanTimeBetween) {
  const auto forecast = expect_again(5, at(1000), at(1000 + 4 * 3600), "crash:SEGV");
  ASSERT_TRUE(forecast);
  EXPECT_EQ(forecast->predictor, Predictor::kSignature);
  EXPECT_EQ(forecast->subject, "crash:SEGV");
  EXPECT_DOUBLE_EQ(forecast->value, 1);
  EXPECT_EQ(forecast->horizon.count(), 3600 * kSecond_ns);
  EXPECT_LT(forecast->earliest, forecast->horizon);
  EXPECT_LT(forecast->horizon, forecast->latest);
  EXPECT_FALSE(forecast->urgent);
  EXPECT_EQ(forecast->samples, 5U);
}

TEST(SameCrash, OfFewOrOfNonsenseNothingIsSaid) {
  EXPECT_FALSE(expect_again(0, at(1), at(2), "x"));
  EXPECT_FALSE(expect_again(2, at(1), at(2), "x"));
  EXPECT_FALSE(expect_again(9, at(2), at(2), "x"));
  EXPECT_FALSE(expect_again(9, at(3), at(2), "x"));
  const auto far = expect_again(3, UtcTime{INT64_MIN}, UtcTime{INT64_MAX}, "x");
  ASSERT_TRUE(far) << "and no overflow";
  EXPECT_GT(far->latest.count(), 0);
}

TEST(SameCrash, ComesWithinItsBoundsWhereItComesByChance) {
  std::mt19937_64 engine(11);
  std::exponential_distribution<double> pause(1.0 / 500);
  int within = 0;
  constexpr int kRuns = 2000, kSeen = 12;
  for (int run = 0; run < kRuns; ++run) {
    double time = 0;
    for (int i = 1; i < kSeen; ++i) time += pause(engine);
    const auto forecast = expect_again(kSeen, at(0), at(time), "x");
    ASSERT_TRUE(forecast);
    const double next = pause(engine);
    if (next <= static_cast<double>(forecast->latest.count()) * 1e-9) ++within;
  }
  // 95 % of what the mean would tell if it were known; it is known from eleven intervals.
  EXPECT_GT(within, kRuns * 90 / 100);
  EXPECT_LT(within, kRuns * 97 / 100);
}

}  // namespace
}  // namespace nines::policy
