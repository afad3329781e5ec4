#include "policy/recurrence.h"

#include <gtest/gtest.h>

#include <random>

namespace nines::policy {
namespace {

BootTime at(double s) {
  return BootTime{static_cast<std::int64_t>(s * 1e9)};
}

TEST(RecurrenceTest, RisingRateIsForetold) {
  RecurrencePredictor predictor(at(0));
  // Each time in half the time of the last.
  double t = 0;
  double gap = 86'400;
  std::optional<Forecast> said;
  int times = 0;
  for (int i = 0; i < 10; ++i) {
    t += gap;
    gap /= 2;
    if (auto now = predictor.add(at(t), "crash:SEGV")) {
      said = now;
      ++times;
      const double next = std::chrono::duration<double>(now->latest).count();
      EXPECT_GT(next, gap) << "the next one comes within what is said";
      EXPECT_LT(std::chrono::duration<double>(now->earliest).count(), gap);
    }
  }
  ASSERT_TRUE(said);
  EXPECT_EQ(times, 1);
  EXPECT_EQ(said->subject, "crash:SEGV");
  EXPECT_EQ(said->predictor, Predictor::kRecurrence);
  EXPECT_GT(said->confidence, 0.99);
}

TEST(RecurrenceTest, CausesAreApart) {
  RecurrencePredictor predictor(at(0));
  for (int i = 1; i < 200; ++i) {
    EXPECT_FALSE(predictor.add(at(1000.0 * i), "cause " + std::to_string(i % 97)));
  }
}

/// Constant rates, fast and slow: a warning of them is false, or says what everybody knows.
TEST(RecurrenceTest, ConstantRateSeldomWarns) {
  int warnings = 0;
  int failures = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    std::exponential_distribution<double> gap(1.0 / 3600);
    RecurrencePredictor predictor(at(0));
    double t = 0;
    for (int i = 0; i < 30; ++i, ++failures) {
      t += gap(random);
      if (predictor.add(at(t), "exit:1")) ++warnings;
    }
  }
  EXPECT_LT(warnings, failures / 60);
}

TEST(RecurrenceTest, QuietTimeEndsAnEpisode) {
  RecurrencePredictor predictor(at(0));
  const auto burst = [&](double from) {
    int said = 0;
    double t = from;
    for (double gap = 5000; gap > 20; gap /= 2) {
      t += gap;
      if (predictor.add(at(t), "exit:1")) ++said;
    }
    return said;
  };
  EXPECT_EQ(burst(100'000), 1);
  EXPECT_EQ(burst(5'000'000), 1);
}

TEST(RecurrenceTest, Garbage) {
  RecurrencePredictor predictor(at(50));
  std::mt19937_64 random(3);
  for (int i = 0; i < 100'000; ++i) {
    const BootTime time{static_cast<std::int64_t>(random())};
    if (const auto said = predictor.add(time, "x")) {
      EXPECT_GT(said->latest.count(), 0);
    }
  }
  for (int i = 0; i < 100; ++i) (void)predictor.add(at(60), "same time");
}

}  // namespace
}  // namespace nines::policy
