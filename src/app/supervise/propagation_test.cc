#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/supervise/dependency_testing.h"

namespace nines::supervise {
namespace {

using testing::all_but;
using testing::brief;
using ::testing::ElementsAre;
using testing::everything;
using ::testing::IsEmpty;
using testing::names_of;
using testing::plan;
using testing::refusal;
using testing::World;

// --- stopping and restarting ---

World shop() {
  World world;
  world.service("db");
  world.service("api").needs("db").after("db");
  world.service("web").binds_to("api").after("api");
  world.service("cron").part_of("db");
  world.service("check").requisite("web").after("web");
  world.service("fan").wants("db").after("db");
  return world;
}

TEST(StopPlan, TakesDependentsAlongInReverseOrder) {
  const auto items = shop().graph().stop_plan({"db.service"}, everything);
  EXPECT_THAT(names_of(items), ElementsAre("check", "web", "api", "db", "cron"));
  const auto find = [&](const std::string& name) {
    return *std::find_if(items.begin(), items.end(),
                         [&](const StopItem& item) { return brief(item.name) == name; });
  };
  EXPECT_EQ(find("db").because_of, "");
  EXPECT_EQ(find("web").because_of, "api.service");
  EXPECT_THAT(brief(find("db").after), ElementsAre("api"));
  EXPECT_THAT(brief(find("api").after), ElementsAre("web"));
}

TEST(StopPlan, OnlyWhatIsActiveAndAlsoBehindWhatIsNot) {
  EXPECT_THAT(names_of(shop().graph().stop_plan({"db.service"}, all_but("api"))),
              ElementsAre("check", "web", "db", "cron"));
  EXPECT_THAT(names_of(shop().graph().stop_plan({"nosuch.service", "fan.service"}, everything)),
              ElementsAre("nosuch", "fan"));
}

TEST(StopPlan, IsNotStoppedByACycle) {
  World world;
  world.service("a").needs("b").after("b").service("b").needs("a").after("a");
  EXPECT_EQ(world.graph().stop_plan({"a.service"}, everything).size(), 2U);
}

std::vector<std::string> described(const std::vector<Reaction>& reactions) {
  static const std::map<Reaction::Kind, std::string> kNames = {
      {Reaction::Kind::kStop, "stop "},
      {Reaction::Kind::kStopAndStart, "stop+start "},
      {Reaction::Kind::kRestart, "restart "}};
  std::vector<std::string> result;
  for (const Reaction& reaction : reactions) {
    result.push_back(kNames.at(reaction.kind) + brief(reaction.name));
  }
  return result;
}

TEST(OnDown, BoundUnitsStopAndPartsRestart) {
  World world;
  world.service("db").service("api").binds_to("db").after("db");
  world.service("web").needs("api").after("api").service("metrics").part_of("api");
  world.service("cron").part_of("db").service("mailer").needs("cron").after("cron");
  world.service("loose").needs("db");
  const DependencyGraph graph = world.graph();
  EXPECT_THAT(described(graph.on_down("db.service", true, everything)),
              ElementsAre("stop+start web", "stop+start metrics", "stop+start api", "restart cron",
                          "restart mailer"));
  EXPECT_THAT(described(graph.on_down("db.service", false, everything)),
              ElementsAre("stop web", "stop metrics", "stop api"));
  EXPECT_THAT(described(graph.on_down("db.service", true, all_but("api"))),
              ElementsAre("restart cron", "restart mailer"));
  EXPECT_THAT(graph.on_down("nosuch.service", true, everything), IsEmpty());
}

TEST(OnDown, WhatIsBothBoundAndPartStopsOnce) {
  World world;
  world.service("db").service("api").binds_to("db").part_of("db");
  EXPECT_THAT(described(world.graph().on_down("db.service", true, everything)),
              ElementsAre("stop+start api"));
}

TEST(OnRestart, PropagatesToAllThatNeedItInOrder) {
  EXPECT_THAT(brief(shop().graph().on_restart("db.service", everything)),
              ElementsAre("api", "cron", "web", "check"));
  EXPECT_THAT(brief(shop().graph().on_restart("db.service", all_but("api"))), ElementsAre("cron"));
}

TEST(UpheldBy, NamesTheUpholders) {
  World world;
  world.service("a").upholds("x").service("b").upholds("x").service("x");
  EXPECT_THAT(brief(world.graph().upheld_by("x.service")), ElementsAre("a", "b"));
  EXPECT_THAT(world.graph().upheld_by("nosuch.service"), IsEmpty());
}

// --- size ---

TEST(Scale, ALongChainNeedsNoStack) {
  World world;
  constexpr int kLength = 20'000;
  const auto name = [](int i) { return fmt::format("u{:05}", i); };
  for (int i = 0; i < kLength; ++i) {
    world.service(name(i)).part_of(name(i + 1));
    if (i + 1 < kLength) world.needs(name(i + 1)).after(name(i + 1));
  }
  const DependencyGraph graph = world.graph();
  const auto result = graph.start_plan({"u00000.service"});
  ASSERT_TRUE(result.has_value());
  ASSERT_EQ(result->items.size(), static_cast<std::size_t>(kLength));
  EXPECT_EQ(brief(result->items.front().name), name(kLength - 1));
  const std::string last = name(kLength - 1) + ".service";
  EXPECT_EQ(graph.stop_plan({last}, everything).size(), static_cast<std::size_t>(kLength));
  EXPECT_EQ(graph.on_down(last, true, everything).size(), static_cast<std::size_t>(kLength - 1));
}

TEST(Scale, AMissingLinkBreaksALongChain) {
  World world;
  constexpr int kLength = 1'000;
  for (int i = 0; i < kLength; ++i)
    world.service(fmt::format("u{}", i)).needs(fmt::format("u{}", i + 1));
  EXPECT_EQ(refusal(world, "u0").code(), ErrorCode::kNotFound);
}

TEST(Scale, ThousandUnitsBehindOneTarget) {
  World world;
  world.service("first").before("network.target").target("shop");
  constexpr int kCount = 1'000;
  for (int i = 0; i < kCount; ++i) world.wants(fmt::format("u{}", i));
  for (int i = 0; i < kCount; ++i)
    world.service(fmt::format("u{}", i)).after("network.target").wants("first");
  const StartPlan result = plan(world, "shop.target");
  ASSERT_EQ(result.items.size(), static_cast<std::size_t>(kCount + 2));
  EXPECT_EQ(result.items.front().name, "first.service");
  EXPECT_EQ(result.items.back().name, "shop.target");
  EXPECT_EQ(result.items.back().after.size(), static_cast<std::size_t>(kCount));
}

}  // namespace
}  // namespace nines::supervise
