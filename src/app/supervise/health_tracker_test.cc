#include "app/supervise/health_tracker.h"

#include <gtest/gtest.h>

namespace nines::supervise {
namespace {

using std::chrono::seconds;
constexpr auto kNone = HealthTransition::kNone;
constexpr auto kDown = HealthTransition::kBecameUnhealthy;
constexpr auto kUp = HealthTransition::kBecameHealthy;

BootTime at(int second) {
  return BootTime{0} + seconds(second);
}

unit::HealthCheck check(int failures, int successes, int start_period = 0) {
  unit::HealthCheck c;
  c.failures_to_unhealthy = failures;
  c.successes_to_healthy = successes;
  c.start_period = seconds(start_period);
  return c;
}

TEST(HealthTracker, FirstSuccessMakesHealthy) {
  HealthTracker tracker(check(3, 1), at(0));
  EXPECT_EQ(tracker.health(), Health::kUnknown);
  EXPECT_EQ(tracker.record(true, at(1)), kUp);
  EXPECT_EQ(tracker.record(true, at(2)), kNone);
  EXPECT_EQ(tracker.health(), Health::kHealthy);
  EXPECT_EQ(tracker.first_failure(), std::nullopt);
}

TEST(HealthTracker, OutageIsDatedFromTheFirstFailureOfTheStreak) {
  HealthTracker tracker(check(3, 1), at(0));
  tracker.record(true, at(1));
  EXPECT_EQ(tracker.record(false, at(2)), kNone);
  EXPECT_EQ(tracker.record(true, at(3)), kNone);
  EXPECT_EQ(tracker.first_failure(), std::nullopt);
  EXPECT_EQ(tracker.record(false, at(4)), kNone);
  EXPECT_EQ(tracker.record(false, at(5)), kNone);
  EXPECT_EQ(tracker.health(), Health::kHealthy);
  EXPECT_EQ(tracker.record(false, at(6)), kDown);
  EXPECT_EQ(tracker.record(false, at(7)), kNone);
  EXPECT_EQ(tracker.first_failure(), at(4));
  EXPECT_EQ(tracker.health(), Health::kUnhealthy);
}

TEST(HealthTracker, TooFewSuccessesDoNotEndTheOutage) {
  HealthTracker tracker(check(1, 2), at(0));
  EXPECT_EQ(tracker.record(false, at(1)), kDown);
  EXPECT_EQ(tracker.record(true, at(2)), kNone);
  EXPECT_EQ(tracker.record(false, at(3)), kNone);
  EXPECT_EQ(tracker.first_failure(), at(1));
  EXPECT_EQ(tracker.record(true, at(4)), kNone);
  EXPECT_EQ(tracker.record(true, at(5)), kUp);
  EXPECT_EQ(tracker.first_failure(), std::nullopt);
}

TEST(HealthTracker, StartPeriodForgivesUntilTheFirstSuccess) {
  HealthTracker tracker(check(1, 1, 10), at(100));
  EXPECT_EQ(tracker.record(false, at(101)), kNone);
  EXPECT_EQ(tracker.record(false, at(109)), kNone);
  EXPECT_EQ(tracker.first_failure(), std::nullopt);
  EXPECT_EQ(tracker.record(false, at(110)), kDown);
  EXPECT_EQ(tracker.first_failure(), at(110));

  tracker.restart(at(200));
  EXPECT_EQ(tracker.health(), Health::kUnknown);
  EXPECT_EQ(tracker.record(false, at(201)), kNone);
  EXPECT_EQ(tracker.record(true, at(202)), kUp);
  EXPECT_EQ(tracker.record(false, at(203)), kDown);  // within the period, but it had been up
}

TEST(HealthTracker, NeverSucceedingBecomesUnhealthyOnce) {
  HealthTracker tracker(check(2, 1), at(0));
  EXPECT_EQ(tracker.record(false, at(1)), kNone);
  EXPECT_EQ(tracker.record(false, at(2)), kDown);
  for (int i = 3; i < 1000; ++i) EXPECT_EQ(tracker.record(false, at(i)), kNone);
  EXPECT_EQ(tracker.first_failure(), at(1));
}

TEST(HealthTracker, ThresholdsBelowOneMeanOne) {
  HealthTracker tracker(check(0, -1), at(0));
  EXPECT_EQ(tracker.record(true, at(1)), kUp);
  EXPECT_EQ(tracker.record(false, at(2)), kDown);
}

}  // namespace
}  // namespace nines::supervise
