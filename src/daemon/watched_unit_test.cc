#include "daemon/watched_unit.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ledger/why.h"

namespace nines::daemon {
namespace {

constexpr double kLimit = 1000;

Id128 instance(int number) {
  return Id128({static_cast<std::uint8_t>(number + 1)});
}

/// Grows from nothing to the limit within `length_s`, read as often as it is wanted.
std::vector<Foretold> leak(WatchedUnit& unit, double from_s, double length_s,
                           const usage::Usage& usage) {
  std::vector<Foretold> all;
  for (double t = 0; t < 0.95 * length_s;
       t += std::chrono::duration<double>(unit.next_in()).count()) {
    usage::Usage now = usage;
    now.value = kLimit * t / length_s;
    const BootTime time{static_cast<std::int64_t>((from_s + t) * 1e9)};
    for (Foretold& foretold : unit.take({now}, time)) all.push_back(std::move(foretold));
  }
  return all;
}

usage::Usage of(usage::Resource resource, usage::Scope scope, std::string name) {
  return {resource, std::move(name), 0, kLimit, scope};
}

TEST(WatchedUnitTest, AFreshProcessHelpsWhereTheLimitIsItsOwn) {
  using usage::Resource;
  using usage::Scope;
  for (const auto& [usage, helps] :
       {std::pair(of(Resource::kFds, Scope::kProcess, "RLIMIT_NOFILE of 7"), true),
        std::pair(of(Resource::kMemory, Scope::kUnit, "memory.max of /a"), true),
        std::pair(of(Resource::kMemory, Scope::kShared, "memory.max of /"), false),
        std::pair(of(Resource::kDisk, Scope::kShared, "free space of /var"), false)}) {
    WatchedUnit unit;
    unit.begin(instance(1));
    const auto foretold = leak(unit, 0, 3600, usage);
    ASSERT_FALSE(foretold.empty()) << usage.limited_by;
    for (const Foretold& one : foretold) {
      EXPECT_EQ(one.replacing_helps, helps) << usage.limited_by;
      EXPECT_EQ(one.forecast.subject, usage.limited_by);
    }
  }
}

TEST(WatchedUnitTest, AnyFastLeakIsSeenThatBeginsWithNextToNothing) {
  WatchedUnit unit;
  unit.begin(instance(1));
  EXPECT_FALSE(
      leak(unit, 0, 26, of(usage::Resource::kMemory, usage::Scope::kUnit, "memory.max of /a"))
          .empty());
}

TEST(WatchedUnitTest, WithNothingToWatchReadingsBecomeSeldom) {
  WatchedUnit unit;
  unit.begin(instance(1));
  const usage::Usage little = of(usage::Resource::kMemory, usage::Scope::kUnit, "memory.max of /a");
  BootTime now{1};
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(unit.take({little}, now).empty());
    now = now + unit.next_in();
  }
  EXPECT_EQ(unit.next_in(), std::chrono::seconds(30));
}

TEST(WatchedUnitTest, EachInstanceHasItsOwnWarnings) {
  WatchedUnit unit;
  unit.begin(instance(1));
  policy::Forecast forecast;
  forecast.subject = "memory.max of /a";
  unit.warning_for(forecast) = "a warning";
  unit.begin(instance(1));
  EXPECT_EQ(unit.warning_for(forecast), "a warning");
  unit.begin(instance(2));
  EXPECT_EQ(unit.warning_for(forecast), "");
}

TEST(WatchedUnitTest, AnotherLifeOfTheSameLeakIsForetoldAgain) {
  WatchedUnit unit;
  const usage::Usage usage = of(usage::Resource::kMemory, usage::Scope::kUnit, "memory.max of /a");
  for (int life = 0; life < 4; ++life) {
    unit.begin(instance(life));
    EXPECT_FALSE(leak(unit, life * 1000.0, 900, usage).empty()) << life;
  }
}

TEST(WatchedUnitTest, TheWarningCarriesItsEvidenceAndHorizon) {
  policy::Forecast forecast;
  forecast.predictor = policy::Predictor::kFds;
  forecast.subject = "RLIMIT_NOFILE of 7";
  forecast.value = 600;
  forecast.limit = kLimit;
  forecast.slope_per_s = 2;
  forecast.horizon = std::chrono::seconds(200);
  forecast.latest = std::chrono::seconds(240);
  const ledger::Event event = warning_of(forecast, "a.service");
  EXPECT_EQ(event.kind, "predict.fds");
  EXPECT_EQ(event.subject, "a.service");
  EXPECT_EQ(event.severity, ledger::Severity::kWarning);
  EXPECT_GE(ledger::prediction_of(event).horizon, forecast.latest);
  const auto detail = nlohmann::json::parse(event.detail_json);
  EXPECT_EQ(detail.at("slope_per_hour"), 7200);
  EXPECT_EQ(detail.at("limit"), kLimit);
  // Recurring failures have no limit, and infinity is no JSON.
  forecast.limit = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(
      nlohmann::json::parse(warning_of(forecast, "a.service").detail_json).contains("limit"));
  EXPECT_EQ(environment_of(forecast, "a.service").at("NINES_HORIZON_SEC"), "200");
}

}  // namespace
}  // namespace nines::daemon
