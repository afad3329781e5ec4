#include "policy/recurrence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

namespace nines::policy {
namespace {

BootTime at(double seconds) {
  return BootTime{static_cast<std::int64_t>(seconds * 1e9)};
}

TEST(Recurrence, CrashesThatComeFasterAreWarnedAboutOnceAndCalledUrgentOnce) {
  RecurrencePredictor predictor;
  std::vector<Forecast> said;
  double time = 1000;
  for (double pause = 80000; pause > 60; pause *= 0.85) {
    time += pause;
    if (auto forecast = predictor.add(at(time), "crash:SEGV")) said.push_back(*forecast);
  }
  ASSERT_EQ(said.size(), 2U);
  EXPECT_FALSE(said[0].urgent);
  EXPECT_TRUE(said[1].urgent);
  EXPECT_EQ(said[0].subject, "crash:SEGV");
  EXPECT_LT(said[0].earliest, said[0].horizon);
  EXPECT_GT(said[0].latest, said[0].horizon);
  EXPECT_GT(said[0].slope_per_s, 0);
}

TEST(Recurrence, AtAConstantRateItWarnsAsRarelyAsPromised) {
  std::mt19937_64 engine(11);
  std::exponential_distribution<double> pause(1.0 / 3600);
  int alarms = 0;
  constexpr int kFailures = 100'000;
  for (int run = 0; run < kFailures / 200; ++run) {
    RecurrencePredictor predictor;
    double time = 0;
    for (int i = 0; i < 200; ++i) {
      time += pause(engine);
      alarms += predictor.add(at(time), "exit:1").has_value() ? 1 : 0;
    }
  }
  EXPECT_LE(alarms, kFailures * 5 / 1000);  // the promised 0.5 %
}

TEST(Recurrence, RisingPowerLawsAreMostlyFound) {
  std::mt19937_64 engine(12);
  std::exponential_distribution<double> unit(1);
  int found = 0;
  for (int run = 0; run < 200; ++run) {
    RecurrencePredictor predictor;
    double expected = 0;
    bool warned = false;
    for (int i = 0; i < 30; ++i) {
      expected += unit(engine);  // N(t) = (t / day)^3
      warned |= predictor.add(at(86400 * std::cbrt(expected)), "crash:ABRT").has_value();
    }
    found += warned ? 1 : 0;
  }
  EXPECT_GE(found, 120);
}

TEST(Recurrence, OtherCausesAreOthers) {
  RecurrencePredictor predictor;
  double time = 0;
  int i = 0;
  for (double pause = 40000; pause > 1000; pause *= 0.7) {
    time += pause;
    EXPECT_FALSE(predictor.add(at(time), "cause" + std::to_string(i++)));
  }
}

TEST(Recurrence, NonsenseIsIgnoredAndMemoryIsBounded) {
  std::mt19937_64 engine(5);
  RecurrencePredictor predictor;
  for (int i = 0; i < 20000; ++i) {
    const auto time = static_cast<std::int64_t>(engine() >> (engine() % 50));
    predictor.add(BootTime{time}, std::string(engine() % 300, 'x'));
  }
  EXPECT_LT(predictor.memory_bytes(), 4096U);
  RecurrencePredictor same;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(same.add(BootTime{5}, ""));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(same.add(BootTime{-i}, ""));
}

}  // namespace
}  // namespace nines::policy
