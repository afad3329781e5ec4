// The promise about the trend predictor, on targets of every kind; docs/prediction.md has the table
// with many more lives of each.
#include <gtest/gtest.h>

#include "policy/zoo/zoo.h"

namespace nines::policy {
namespace {

constexpr int kLives = 8;
// Other seeds than the bench's.
constexpr unsigned kSeed = 20'000;

struct Sum {
  int lives = 0, hit = 0, warned = 0, false_alarms = 0;
  double weeks = 0;
};

Sum live_often(const Species& species) {
  Sum sum;
  for (int i = 0; i < kLives; ++i) {
    std::mt19937_64 random(kSeed + static_cast<unsigned>(i));
    const Verdict verdict = live(species.born(random));
    ++sum.lives;
    sum.hit += verdict.hit_limit ? 1 : 0;
    sum.warned += verdict.warned ? 1 : 0;
    sum.false_alarms += verdict.false_alarms;
    sum.weeks += verdict.weeks;
  }
  return sum;
}

TEST(ZooTest, NineOfTenFailuresAreForetoldAndHardlyAnyOther) {
  Sum failing;
  Sum healthy;
  for (const Species& species : all_species()) {
    const Sum sum = live_often(species);
    Sum& all = species.fails ? failing : healthy;
    all.hit += sum.hit;
    all.warned += sum.warned;
    all.false_alarms += sum.false_alarms;
    all.weeks += sum.weeks;
    if (species.fails) {
      EXPECT_EQ(sum.hit, sum.lives) << species.name;
      EXPECT_GE(sum.warned, sum.lives * 6 / 10) << species.name;
    } else {
      EXPECT_EQ(sum.hit, 0) << species.name;
      EXPECT_LE(sum.false_alarms, 3 * sum.weeks) << species.name;
    }
  }
  EXPECT_GE(failing.warned, 0.9 * failing.hit);
  EXPECT_LT(healthy.false_alarms, healthy.weeks);
}

}  // namespace
}  // namespace nines::policy
