#include "cli/updates_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/updates_view.h"

namespace nines::cli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

api::UnitStatus unit(const std::string& name, pid_t pid) {
  api::UnitStatus status;
  status.name = name;
  status.main_pid = pid;
  return status;
}

ledger::CauseTally tally(ledger::CauseClass kind, bool planned, std::size_t times,
                         milliseconds downtime) {
  ledger::CauseTally cause;
  cause.cause.kind = kind;
  cause.planned = planned;
  cause.times = times;
  cause.downtime = downtime;
  return cause;
}

TEST(UpdatesPlan, NamesEachUnitOnceOursFirst) {
  const auto steps = restart_steps({{9, "sshd", "", {"/a"}},
                                    {7, "nginx", "nginx.service", {"/a"}},
                                    {8, "nginx", "nginx.service", {"/b"}},
                                    {7, "nginx", "nginx.service", {"/c"}},
                                    {5, "dbus-daemon", "dbus.service", {"/c"}}},
                                   {unit("nginx.service", 7)}, nullptr);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].who, "nginx.service");
  EXPECT_TRUE(steps[0].is_ours);
  EXPECT_EQ(steps[0].processes, (std::vector<pid_t>{7, 8}));
  EXPECT_EQ(command_of(steps[0]), "nines restart nginx");
  EXPECT_EQ(command_of(steps[1]), "systemctl restart dbus");
  EXPECT_EQ(steps[2].who, "sshd");
  EXPECT_EQ(command_of(steps[2]), "");
}

TEST(UpdatesPlan, KnowsAMainProcessWithoutACgroup) {
  const auto steps =
      restart_steps({{7, "redis-server", "", {"/a"}}}, {unit("cache.service", 7)}, nullptr);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].who, "cache.service");
}

TEST(UpdatesPlan, ExpectsWhatRestartsTook) {
  ledger::WhyReport report;
  report.units.resize(2);
  report.units[0].unit = "a.service";
  report.units[0].failures = 3;
  report.units[0].mttr = milliseconds(900);
  report.units[0].causes = {tally(ledger::CauseClass::kRequest, true, 4, milliseconds(40)),
                            tally(ledger::CauseClass::kShutdown, true, 1, milliseconds(60000)),
                            tally(ledger::CauseClass::kCrash, false, 3, milliseconds(2700))};
  report.units[1].unit = "b.service";
  report.units[1].failures = 3;
  report.units[1].mttr = milliseconds(900);
  const auto steps = restart_steps(
      {{1, "a", "a.service", {}}, {2, "b", "b.service", {}}, {3, "c", "c.service", {}}},
      {unit("a.service", 1), unit("b.service", 2), unit("c.service", 3)}, &report);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].expected, Nanoseconds(milliseconds(10)));
  EXPECT_EQ(steps[0].samples, 4U);
  EXPECT_EQ(steps[1].expected, Nanoseconds(milliseconds(900)));
  EXPECT_TRUE(steps[1].by_failures);
  EXPECT_FALSE(steps[2].expected);
}

TEST(UpdatesView, SaysWhatIsInUseAndWhatIsNot) {
  UpdatesPicture picture;
  picture.pending.installed = 40;
  picture.pending.indexes = {{"Debian-Security bookworm-security", UtcTime{0}, UtcTime{0}, 9}};
  picture.pending.pending = {{"libssl3", "1", "2", "s", false},
                             {"nano\x1b[31m", "3", "4", "s", true}};
  picture.uses.packages = {{"libssl3", true, {{7, "nginx", "nginx.service", {"/x"}}}},
                           {"nano\x1b[31m", true, {}}};
  picture.after = restart_steps(all_users(picture.uses), {unit("nginx.service", 7)}, nullptr);
  const UtcTime now{3'600'000'000'000};
  const std::string page = updates_page(picture, now, false, {});
  EXPECT_THAT(page, HasSubstr("2 security updates wait; 1 is in use here."));
  EXPECT_THAT(page, HasSubstr("fetched 1 h 0 min ago"));
  EXPECT_THAT(page, HasSubstr("nines restart nginx"));
  EXPECT_THAT(page, HasSubstr("Nothing that runs uses nano"));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(updates_page(picture, now, true, {}), HasSubstr("(on hold)"));
  EXPECT_THAT(updates_json(picture), HasSubstr("\"used_by\":[{\"command\":\"nginx\""));
  picture.pending.pending.clear();
  picture.uses.packages.clear();
  picture.after.clear();
  EXPECT_THAT(updates_page(picture, now, false, {}),
              HasSubstr("No security update waits for any of 40 packages."));
  picture.pending.indexes.clear();
  EXPECT_THAT(updates_page(picture, now, false, {}), HasSubstr("apt-get update"));
}

}  // namespace
}  // namespace nines::cli
