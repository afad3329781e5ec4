#include "policy/trend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace nines::policy {
namespace {

using std::chrono::seconds;

BootTime at(double s) {
  return BootTime{static_cast<std::int64_t>((100 + s) * 1e9)};
}

/// Feeds value(t) until `end`, as often as the predictor wants. @return all it says.
template <typename Value>
std::vector<std::pair<double, Forecast>> feed(TrendPredictor& predictor, double from, double end,
                                              double limit, Value value) {
  std::vector<std::pair<double, Forecast>> said;
  for (double t = from; t < end;
       t += std::chrono::duration<double>(predictor.next_reading_in()).count()) {
    if (auto forecast = predictor.add({at(t), value(t), limit})) said.emplace_back(t, *forecast);
  }
  return said;
}

TEST(TrendTest, OneWarningThenOneThatIsUrgent) {
  TrendPredictor predictor(Predictor::kFds);
  const auto said =
      feed(predictor, 0, 35'000, 1000, [](double t) { return 50 + 950 * t / 36'000; });
  ASSERT_EQ(said.size(), 2U);
  const auto& [first_at, first] = said[0];
  EXPECT_FALSE(first.urgent);
  EXPECT_TRUE(said[1].second.urgent);
  EXPECT_EQ(first.predictor, Predictor::kFds);
  EXPECT_NEAR(first.slope_per_s, 950.0 / 36'000, 0.002);
  const double left = 36'000 - first_at;
  EXPECT_NEAR(std::chrono::duration<double>(first.horizon).count(), left, left / 10);
  EXPECT_LE(first.earliest, first.horizon);
  EXPECT_LE(first.horizon, first.latest);
  EXPECT_GT(first.confidence, 0.95);
}

TEST(TrendTest, AnotherProcessAnotherEpisode) {
  TrendPredictor predictor(Predictor::kMemory);
  const auto leak = [](double t) { return 1 + 99 * std::fmod(t, 1000) / 1000; };
  int times = 0;
  for (int life = 0; life < 4; ++life) {
    const auto said = feed(predictor, life * 1000.0, life * 1000.0 + 900, 100, leak);
    ASSERT_FALSE(said.empty()) << life;
    times += static_cast<int>(said.size());
    predictor.restart();
  }
  EXPECT_LE(times, 8);
}

TEST(TrendTest, NothingWithoutALimit) {
  TrendPredictor predictor(Predictor::kMemory);
  for (const double limit : {std::numeric_limits<double>::infinity(), std::nan(""), 0.0, -5.0}) {
    EXPECT_TRUE(feed(predictor, 0, 3600, limit, [](double t) { return t; }).empty()) << limit;
    predictor.restart();
  }
}

TEST(TrendTest, GarbageNeitherCrashesNorWarns) {
  std::mt19937_64 random(7);
  const double odd[] = {std::nan(""),
                        -1,
                        1e300,
                        std::numeric_limits<double>::infinity(),
                        -std::numeric_limits<double>::infinity(),
                        0,
                        1e-300,
                        50};
  TrendPredictor predictor(Predictor::kMemory);
  std::int64_t now = 0;
  for (int i = 0; i < 200'000; ++i) {
    now += static_cast<std::int64_t>(random() % 4'000'000'000) - 1'000'000'000;
    const double value = odd[random() % std::size(odd)];
    const double limit = odd[random() % std::size(odd)];
    const auto said = predictor.add({BootTime{now}, value, limit});
    if (said) {
      EXPECT_TRUE(std::isfinite(said->value) && std::isfinite(said->limit));
      EXPECT_LT(said->value, said->limit);
      EXPECT_GE(said->horizon.count(), 0);
    }
    EXPECT_GT(predictor.next_reading_in().count(), 0);
  }
}

TEST(TrendTest, ClockThatStandsStillIsNoTrend) {
  TrendPredictor predictor(Predictor::kMemory);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(predictor.add({at(5), i * 0.1, 100}));
  }
}

TEST(TrendTest, StaysSmall) {
  TrendPredictor predictor(Predictor::kMemory);
  EXPECT_LE(predictor.memory_bytes(), 64U);
  (void)feed(predictor, 0, 7 * 86'400, 100, [](double t) { return 40 + std::sin(t); });
  EXPECT_LE(predictor.memory_bytes(), 2048U);
}

}  // namespace
}  // namespace nines::policy
