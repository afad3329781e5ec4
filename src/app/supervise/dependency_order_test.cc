#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/supervise/dependency_testing.h"
#include "app/supervise/ordering.h"

namespace nines::supervise {
namespace {

using testing::brief;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::item;
using testing::names_of;
using testing::plan;
using testing::refusal;
using testing::World;

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
              ::testing::AnyOf(HasSubstr("a.service -> c.service -> b.service -> a"),
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

}  // namespace
}  // namespace nines::supervise
