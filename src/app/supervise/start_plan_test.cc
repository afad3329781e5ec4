#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/supervise/dependency_testing.h"
#include "app/supervise/init_units.h"

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

}  // namespace
}  // namespace nines::supervise
