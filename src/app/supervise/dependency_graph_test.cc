#include "app/supervise/dependency_graph.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/supervise/init_units.h"
#include "app/supervise/ordering.h"

namespace nines::supervise {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Builds units for a graph: World().service("a").needs("b").after("b") ...
class World {
 public:
  World& service(const std::string& name) { return begin(name + ".service", unit::ServiceUnit{}); }
  World& socket(const std::string& name) { return begin(name + ".socket", unit::SocketUnit{}); }
  World& target(const std::string& name) { return begin(name + ".target", unit::TargetUnit{}); }

  World& needs(const std::string& name) { return put(&unit::UnitSection::requires_units, name); }
  World& requisite(const std::string& name) { return put(&unit::UnitSection::requisite, name); }
  World& wants(const std::string& name) { return put(&unit::UnitSection::wants, name); }
  World& upholds(const std::string& name) { return put(&unit::UnitSection::upholds, name); }
  World& binds_to(const std::string& name) { return put(&unit::UnitSection::binds_to, name); }
  World& part_of(const std::string& name) { return put(&unit::UnitSection::part_of, name); }
  World& conflicts(const std::string& name) { return put(&unit::UnitSection::conflicts, name); }
  World& after(const std::string& name) { return put(&unit::UnitSection::after, name); }
  World& before(const std::string& name) { return put(&unit::UnitSection::before, name); }
  World& sockets(const std::string& name) {
    std::get<unit::ServiceUnit>(current_->body).service.sockets.push_back(name + ".socket");
    return *this;
  }
  World& serves(const std::string& name) {
    std::get<unit::SocketUnit>(current_->body).service = name + ".service";
    return *this;
  }

  DependencyGraph graph() const { return DependencyGraph(units_); }

  /// A bare name means a service.
  static std::string full(const std::string& name) {
    return name.find('.') == std::string::npos ? name + ".service" : name;
  }

 private:
  template <typename Body>
  World& begin(const std::string& name, Body body) {
    current_ = std::make_shared<unit::Unit>();
    current_->name = name;
    current_->body = std::move(body);
    units_[name] = current_;
    return *this;
  }
  World& put(std::vector<std::string> unit::UnitSection::*list, const std::string& name) {
    (current_->unit.*list).push_back(full(name));
    return *this;
  }

  DependencyGraph::Units units_;
  std::shared_ptr<unit::Unit> current_;
};

bool everything(const std::string&) {
  return true;
}
DependencyGraph::IsActive all_but(const std::string& name) {
  return [name](const std::string& other) { return other != World::full(name); };
}

/// Names without ".service".
std::string brief(const std::string& name) {
  return name.ends_with(".service") ? name.substr(0, name.size() - 8) : name;
}
std::vector<std::string> brief(const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const std::string& name : names) result.push_back(brief(name));
  return result;
}
template <typename Item>
std::vector<std::string> names_of(const std::vector<Item>& items) {
  std::vector<std::string> result;
  for (const Item& item : items) result.push_back(brief(item.name));
  return result;
}
StartPlan plan(const World& world, const std::string& name) {
  auto result = world.graph().start_plan({World::full(name)});
  EXPECT_TRUE(result.has_value()) << result.error().message();
  return result ? *std::move(result) : StartPlan{};
}
StartItem item(const StartPlan& plan, const std::string& name) {
  for (const StartItem& candidate : plan.items) {
    if (brief(candidate.name) == name) return candidate;
  }
  ADD_FAILURE() << name << " is not in the plan";
  return {};
}
Error refusal(const World& world, const std::string& name) {
  auto result = world.graph().start_plan({World::full(name)});
  EXPECT_FALSE(result.has_value());
  return result ? Error(ErrorCode::kInternal, "none") : result.error();
}

// --- what is pulled in ---

TEST(StartPlan, PullsInWhatIsRequiredAndWantedAndSaysByWhom) {
  World world;
  world.service("app").needs("db").wants("cache").binds_to("net").after("db").after("cache");
  world.service("db").needs("disk").after("disk");
  world.service("cache").needs("cachelib").upholds("db");
  world.service("cachelib").service("disk").service("net").service("unrelated");
  const StartPlan result = plan(world, "app");
  EXPECT_THAT(names_of(result.items), ElementsAre("cache", "cachelib", "disk", "db", "app", "net"));
  EXPECT_TRUE(item(result, "app").hard);
  EXPECT_TRUE(item(result, "db").hard);
  EXPECT_TRUE(item(result, "disk").hard);
  EXPECT_TRUE(item(result, "net").hard);
  EXPECT_FALSE(item(result, "cache").hard);
  EXPECT_FALSE(item(result, "cachelib").hard);
  EXPECT_THAT(brief(item(result, "db").required_by), ElementsAre("app"));
  EXPECT_THAT(brief(item(result, "db").wanted_by), ElementsAre("cache"));
  EXPECT_THAT(brief(item(result, "cachelib").required_by), ElementsAre("cache"));
  EXPECT_THAT(brief(item(result, "app").after), ElementsAre("cache", "db"));
  EXPECT_THAT(item(result, "net").after, IsEmpty());
}

TEST(StartPlan, RequisiteIsCheckedButNotStarted) {
  World world;
  world.service("app").requisite("db").service("db").service("both").needs("app").needs("db");
  const StartPlan alone = plan(world, "app");
  EXPECT_THAT(names_of(alone.items), ElementsAre("app"));
  EXPECT_THAT(brief(item(alone, "app").must_be_active), ElementsAre("db"));
  const StartPlan together = plan(world, "both");
  EXPECT_THAT(item(together, "app").must_be_active, IsEmpty());
  EXPECT_THAT(brief(item(together, "db").required_by), ElementsAre("app", "both"));
}

TEST(StartPlan, SocketsOfAServiceComeAlongAndFirst) {
  World world;
  world.service("app").sockets("app-http").sockets("gone").socket("app-http");
  const StartPlan result = plan(world, "app");
  EXPECT_THAT(names_of(result.items), ElementsAre("app-http.socket", "app"));
  EXPECT_THAT(item(result, "app").after, ElementsAre("app-http.socket"));
}

TEST(StartPlan, ASocketPrecedesTheServiceItServes) {
  World world;
  world.service("app").service("other").socket("app").socket("x").serves("other");
  const auto ordering =
      world.graph().order({"app.service", "app.socket", "other.service", "x.socket"});
  ASSERT_TRUE(ordering.has_value());
  EXPECT_THAT(ordering->after.at("app.service"), ElementsAre("app.socket"));
  EXPECT_THAT(ordering->after.at("other.service"), ElementsAre("x.socket"));
}

TEST(StartPlan, TargetsComeAfterWhatTheyGroupUnlessOrderedOtherwise) {
  World world;
  world.target("shop").wants("web").needs("db").wants("late");
  world.service("web").service("db").service("late").after("shop.target");
  EXPECT_THAT(names_of(plan(world, "shop.target").items),
              ElementsAre("db", "web", "shop.target", "late"));
}

// --- what is missing ---

TEST(StartPlan, NamesWhoRequiresWhatIsMissing) {
  World world;
  world.service("app").needs("db").service("db").binds_to("disk");
  const Error error = refusal(world, "app");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(error.detail(),
            "app.service requires db.service, which requires disk.service, which does not exist");
  EXPECT_EQ(refusal(world, "nosuch").code(), ErrorCode::kNotFound);
  EXPECT_EQ(refusal(world, "disk").code(), ErrorCode::kNotFound);
}

TEST(StartPlan, MissingWishesAreIgnoredAndBrokenOnesNamed) {
  World world;
  world.service("app").wants("gone").upholds("gone2").wants("half");
  world.service("half").needs("missing");
  const StartPlan result = plan(world, "app");
  EXPECT_THAT(names_of(result.items), ElementsAre("app"));
  ASSERT_EQ(result.skipped.size(), 1U);
  EXPECT_EQ(result.skipped[0].name, "half.service");
  EXPECT_EQ(result.skipped[0].reason,
            "half.service requires missing.service, which does not exist");
}

TEST(StartPlan, WhatOnlySystemdHasCountsAsReached) {
  World world;
  world.service("app")
      .needs("sysinit.target")
      .needs("my-own.target")
      .needs("-.mount")
      .needs("var-lib-app.mount")
      .needs("system.slice")
      .needs("systemd-journald.socket")
      .needs("dbus.socket")
      .wants("network-online.target")
      .requisite("basic.target");
  // Debian's files for these load, but must not be started a second time.
  world.target("network-online").wants("systemd-networkd-wait-online");
  world.service("systemd-networkd-wait-online").service("dbus").socket("dbus");
  const StartPlan result = plan(world, "app");
  EXPECT_THAT(names_of(result.items), ElementsAre("app"));
  EXPECT_THAT(item(result, "app").must_be_active, IsEmpty());
  EXPECT_THAT(names_of(plan(world, "dbus").items), ElementsAre("dbus"));
}

TEST(InitUnits, AreToldFromApplications) {
  for (const char* name : {"basic.target", "xdg-desktop-autostart.target", "systemd-udevd.service",
                           "dbus.socket", "-.mount", "dev-sda.device", "user.slice"}) {
    EXPECT_TRUE(belongs_to_init(name)) << name;
  }
  for (const char* name :
       {"redis.service", "my.target", "systemd.service", "dbus-app.service", "basic.service", ""}) {
    EXPECT_FALSE(belongs_to_init(name)) << name;
  }
  EXPECT_TRUE(reached_without_file("my.target"));
  EXPECT_FALSE(reached_without_file("my.service"));
}

// --- conflicts ---

TEST(StartPlan, ConflictingUnitsAreStoppedFirstInBothDirections) {
  World world;
  world.service("app").conflicts("old").conflicts("gone").conflicts("shutdown.target");
  world.service("old").service("rival").conflicts("app");
  EXPECT_THAT(brief(plan(world, "app").stop_first), ElementsAre("old", "rival"));
  EXPECT_THAT(brief(plan(world, "rival").stop_first), ElementsAre("app"));
}

TEST(StartPlan, AWantedUnitGivesWayToANeededOne) {
  World world;
  world.service("app").needs("db").wants("helper");
  world.service("helper").needs("other-db").service("other-db").conflicts("db").service("db");
  const StartPlan result = plan(world, "app");
  EXPECT_THAT(names_of(result.items), ElementsAre("app", "db"));
  EXPECT_THAT(brief(result.stop_first), ElementsAre("other-db"));
  ASSERT_EQ(result.skipped.size(), 1U);
  EXPECT_EQ(result.skipped[0].reason, "conflicts with db.service");
}

TEST(StartPlan, TwoNeededUnitsInConflictAreAnError) {
  World world;
  world.service("app").needs("a").needs("b").service("a").conflicts("b").service("b");
  const Error error = refusal(world, "app");
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.detail(), HasSubstr("a.service and b.service"));
}

// --- order ---

TEST(Order, AfterInverseBeforeAndOnlyWithinTheSet) {
  World world;
  world.service("a").before("b").service("b").after("x").service("x").after("a");
  const DependencyGraph graph = world.graph();
  EXPECT_THAT(brief(graph.predecessors("b.service", {"a.service", "b.service", "x.service"})),
              ElementsAre("a", "x"));
  EXPECT_THAT(brief(graph.predecessors("b.service", {"a.service", "b.service"})), ElementsAre("a"));
  EXPECT_THAT(graph.predecessors("a.service", {"b.service"}), IsEmpty());
  EXPECT_THAT(graph.predecessors("never-heard-of.service", {"b.service"}), IsEmpty());
}

TEST(Order, GoesThroughTargetsThatOnlySystemdHas) {
  World world;
  world.service("firewall").before("network.target");
  world.target("network-online").after("network.target");
  world.service("app").after("network-online.target");
  const DependencyGraph graph = world.graph();
  const std::set<std::string> both = {"app.service", "firewall.service"};
  EXPECT_THAT(brief(graph.predecessors("app.service", both)), ElementsAre("firewall"));
  const auto ordering = graph.order(both);
  ASSERT_TRUE(ordering.has_value());
  EXPECT_THAT(brief(ordering->sorted), ElementsAre("firewall", "app"));
  EXPECT_THAT(brief(ordering->after.at("app.service")), ElementsAre("firewall"));
}

TEST(Order, ACycleIsBrokenWhereNothingIsRequired) {
  World world;
  world.service("a").needs("b").after("b");
  world.service("b").needs("c").after("c");
  world.service("c").after("a");
  const StartPlan result = plan(world, "a");
  EXPECT_THAT(names_of(result.items), ElementsAre("c", "b", "a"));
  ASSERT_EQ(result.dropped.size(), 1U);
  EXPECT_EQ(result.dropped[0].before, "a.service");
  EXPECT_EQ(result.dropped[0].after, "c.service");
  EXPECT_EQ(result.dropped[0].cycle.size(), 3U);
  EXPECT_THAT(item(result, "c").after, IsEmpty());
}

TEST(Order, ACycleOfRequirementsIsAnErrorThatPrintsIt) {
  World world;
  world.service("a").needs("b").after("b").service("b").needs("c").after("c");
  world.service("c").needs("a").after("a").service("d").needs("a").after("a");
  const Error error = refusal(world, "d");
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.detail(),
              testing::AnyOf(HasSubstr("a.service -> c.service -> b.service -> a"),
                             HasSubstr("b.service -> a.service -> c.service -> b"),
                             HasSubstr("c.service -> b.service -> a.service -> c")));
}

TEST(Order, RequiringEachOtherWithoutOrderIsFine) {
  World world;
  world.service("a").needs("b").service("b").needs("a");
  EXPECT_THAT(names_of(plan(world, "a").items), ElementsAre("a", "b"));
}

TEST(Order, ItselfIsNoPredecessor) {
  World world;
  world.service("a").after("a").needs("a").before("a");
  EXPECT_THAT(item(plan(world, "a"), "a").after, IsEmpty());
}

TEST(Ordering, BreaksManyCyclesAndKeepsTheRest) {
  // Everybody before everybody: half of the edges must go, and the rest must be obeyed.
  std::vector<OrderEdge> edges;
  constexpr std::size_t kCount = 40;
  for (std::size_t a = 0; a < kCount; ++a) {
    for (std::size_t b = 0; b < kCount; ++b) {
      if (a != b) edges.push_back({a, b, OrderStrength::kWritten});
    }
  }
  const OrderOutcome outcome = put_in_order(kCount, edges);
  ASSERT_TRUE(outcome.possible);
  std::vector<std::size_t> position(kCount);
  for (std::size_t i = 0; i < kCount; ++i) position[outcome.sorted.at(i)] = i;
  std::set<std::size_t> dropped;
  for (const BrokenCycle& broken : outcome.dropped) dropped.insert(broken.dropped_edge);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!dropped.contains(i)) {
      EXPECT_LT(position[edges[i].before], position[edges[i].after]);
    }
  }
  EXPECT_EQ(dropped.size(), kCount * (kCount - 1) / 2);
}

TEST(Ordering, DropsTheWeakestAndRefusesToDropWhatIsRequired) {
  const std::vector<OrderEdge> mixed = {{0, 1, OrderStrength::kRequired},
                                        {1, 2, OrderStrength::kWritten},
                                        {2, 0, OrderStrength::kImplied}};
  const OrderOutcome outcome = put_in_order(3, mixed);
  ASSERT_EQ(outcome.dropped.size(), 1U);
  EXPECT_EQ(outcome.dropped[0].dropped_edge, 2U);
  const std::vector<OrderEdge> required = {{0, 1, OrderStrength::kRequired},
                                           {1, 0, OrderStrength::kRequired}};
  EXPECT_FALSE(put_in_order(2, required).possible);
  EXPECT_TRUE(put_in_order(2, required, true).possible);
}

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
