// The trend predictor against the zoo, on other seeds than it was tuned on. The bounds of single
// species are wide since there are few runs of each; docs/prediction.md has the large ones.
#include <gtest/gtest.h>

#include <string>

#include "policy/zoo/zoo.h"

namespace nines::policy::zoo {
namespace {

constexpr std::uint64_t kFirstSeed = 900'000;

TEST(Zoo, NineOfTenFailuresAreWarnedAboutInTime) {
  constexpr int kRuns = 10;
  int warned = 0;
  int runs = 0;
  for (const Species& species : failing_species()) {
    int of_this = 0;
    for (int i = 0; i < kRuns; ++i)
      of_this += run(species, kFirstSeed + static_cast<std::uint64_t>(i)).warned ? 1 : 0;
    EXPECT_GE(of_this, kRuns / 2) << std::string(species.name);
    warned += of_this;
    runs += kRuns;
  }
  EXPECT_GE(warned * 10, runs * 9) << warned << " of " << runs;
}

TEST(Zoo, LessThanOneFalseAlarmInAUnitsWeek) {
  constexpr int kRuns = 2;
  int alarms = 0;
  double weeks = 0;
  for (const Species& species : healthy_species()) {
    int of_this = 0;
    for (int i = 0; i < kRuns; ++i) {
      const Outcome outcome = run(species, kFirstSeed + static_cast<std::uint64_t>(i));
      of_this += outcome.false_alarms;
      weeks += outcome.healthy_seconds / kWeek;
    }
    EXPECT_LE(of_this, 3 * kRuns) << std::string(species.name);
    alarms += of_this;
  }
  EXPECT_LT(alarms, weeks);
}

}  // namespace
}  // namespace nines::policy::zoo
