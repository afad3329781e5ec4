#include "app/supervise/attainable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nines::supervise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Reach kEverything{true, true};
constexpr Reach kNothing{};

rlimit own_limit(__rlimit_resource resource) {
  rlimit limit{};
  EXPECT_EQ(::getrlimit(resource, &limit), 0);
  return limit;
}

TEST(Attainable, WithEveryCapabilityAllIsAsAskedFor) {
  unit::ExecSettings exec;
  exec.limits[RLIMIT_MEMLOCK] = {RLIM_INFINITY, RLIM_INFINITY};
  exec.limits[RLIMIT_NOFILE] = {1000, 2000};
  exec.nice = -10;
  exec.oom_score_adjust = -900;
  sys::SpawnRequest request;
  EXPECT_THAT(apply_attainable(exec, kEverything, request), IsEmpty());
  EXPECT_EQ(request.limits.at(RLIMIT_MEMLOCK).rlim_max, RLIM_INFINITY);
  EXPECT_EQ(request.limits.at(RLIMIT_NOFILE).rlim_cur, 1000U);
  EXPECT_EQ(request.nice, -10);
  EXPECT_EQ(request.oom_score_adjust, -900);
}

TEST(Attainable, WhatIsUnsetStaysUnset) {
  sys::SpawnRequest request;
  EXPECT_THAT(apply_attainable({}, kNothing, request), IsEmpty());
  EXPECT_THAT(request.limits, IsEmpty());
  EXPECT_FALSE(request.nice.has_value());
  EXPECT_FALSE(request.oom_score_adjust.has_value());
}

TEST(Attainable, WithoutCapabilitiesTheNearestIsTakenAndTold) {
  const rlimit own = own_limit(RLIMIT_NOFILE);
  if (own.rlim_max == RLIM_INFINITY) GTEST_SKIP() << "needs: a limit on open files";
  unit::ExecSettings exec;
  exec.limits[RLIMIT_NOFILE] = {own.rlim_max + 1, own.rlim_max + 1};
  exec.limits[RLIMIT_CORE] = {0, 0};
  exec.nice = -20;
  exec.oom_score_adjust = -1000;
  sys::SpawnRequest request;
  EXPECT_THAT(apply_attainable(exec, kNothing, request),
              ElementsAre(HasSubstr("LimitNOFILE="), HasSubstr("Nice=-20"),
                          HasSubstr("OOMScoreAdjust=-1000")));
  EXPECT_EQ(request.limits.at(RLIMIT_NOFILE).rlim_cur, own.rlim_max);
  EXPECT_EQ(request.limits.at(RLIMIT_NOFILE).rlim_max, own.rlim_max);
  EXPECT_EQ(request.limits.at(RLIMIT_CORE).rlim_max, 0U);
  EXPECT_GT(*request.nice, -20);
  EXPECT_GT(*request.oom_score_adjust, -1000);
}

TEST(Attainable, NotEvenRootOpensMoreFilesThanThereCanBe) {
  unit::ExecSettings exec;
  exec.limits[RLIMIT_NOFILE] = {1024, RLIM_INFINITY};
  sys::SpawnRequest request;
  EXPECT_THAT(apply_attainable(exec, kEverything, request), IsEmpty());
  EXPECT_LT(request.limits.at(RLIMIT_NOFILE).rlim_max, RLIM_INFINITY);
  EXPECT_EQ(request.limits.at(RLIMIT_NOFILE).rlim_cur, 1024U);
}

TEST(Attainable, ToAskForLessIsAlwaysPossible) {
  unit::ExecSettings exec;
  exec.limits[RLIMIT_NOFILE] = {64, 64};
  exec.nice = 19;
  exec.oom_score_adjust = 1000;
  sys::SpawnRequest request;
  EXPECT_THAT(apply_attainable(exec, kNothing, request), IsEmpty());
  EXPECT_EQ(request.nice, 19);
  EXPECT_EQ(request.oom_score_adjust, 1000);
}

}  // namespace
}  // namespace nines::supervise
