#include "ledger/host_outage.h"

#include <gtest/gtest.h>

#include "ledger/cause.h"
#include "ledger/export.h"
#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::kDay2026;
using testing::kSecond;

TEST(OutageBetweenTest, LastsFromTheLastSignToTheBoot) {
  const LastSign last{UtcTime{1000 * kSecond}, BootTime{500 * kSecond}, false};
  const Outage outage = outage_between(last, UtcTime{1100 * kSecond}, BootTime{40 * kSecond});
  EXPECT_EQ(outage.start, last.time);
  EXPECT_EQ(outage.duration, std::chrono::seconds(60));
  EXPECT_FALSE(outage.clock_set_back);
}

TEST(OutageBetweenTest, AClockSetBackLeavesWhatThisBootMeasured) {
  const LastSign last{UtcTime{1000 * kSecond}, BootTime{500 * kSecond}, false};
  const Outage outage = outage_between(last, UtcTime{10 * kSecond}, BootTime{40 * kSecond});
  EXPECT_TRUE(outage.clock_set_back);
  EXPECT_EQ(outage.duration, std::chrono::seconds(40));
}

/// Seconds are counted from kDay2026, of UTC; each boot has its own clock.
class HostOutageTest : public ::testing::Test {
 protected:
  Store boot(const std::string& id) {
    HostIdentity host = testing::test_host();
    host.boot_id = id;
    return std::move(*Store::open(path_, host));
  }
  static UtcTime utc(std::int64_t second) { return UtcTime{kDay2026 + second * kSecond}; }
  static Event event(const std::string& kind, const std::string& unit, std::int64_t second,
                     std::int64_t since_boot, const std::string& detail = "{}") {
    Event one = testing::make_event(new_id(), kind, unit, second);
    one.since_boot = BootTime{since_boot * kSecond};
    one.detail_json = detail;
    return one;
  }
  static void apply(Store& store, std::vector<Record> records) {
    ASSERT_TRUE(store.apply(records));
  }
  std::vector<StoredInterval> intervals(const std::string& unit) {
    return *Reader::open(path_)->intervals(unit, UtcTime{0}, UtcTime{INT64_MAX});
  }
  std::vector<StoredEvent> outages() {
    EventFilter filter;
    filter.kind = kOutageKind;
    return *Reader::open(path_)->events(filter);
  }

  testing::TempDir dir_;
  std::string path_ = dir_.file("ledger.db");
};

TEST_F(HostOutageTest, TheFirstBootHasNone) {
  Store store = boot("one");
  ASSERT_TRUE(store.note_outage(utc(10), BootTime{5 * kSecond}));
  EXPECT_TRUE(outages().empty());
}

TEST_F(HostOutageTest, WhatServedIsDownUntilItIsReadyAgain) {
  {
    Store store = boot("one");
    apply(store, {event("unit.ready", "a.service", 0, 100)});
    ASSERT_TRUE(store.heartbeat(utc(50), BootTime{150 * kSecond}));
  }
  {
    Store store = boot("two");
    ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
    ASSERT_EQ(intervals("a.service").size(), 1U);
    EXPECT_FALSE(intervals("a.service")[0].interval.closed);
    apply(store, {event("unit.ready", "a.service", 115, 25)});
  }
  const auto down = intervals("a.service");
  ASSERT_EQ(down.size(), 1U);
  EXPECT_TRUE(down[0].interval.closed);
  EXPECT_EQ(down[0].interval.start, utc(50));
  EXPECT_EQ(down[0].interval.duration, std::chrono::seconds(65));
  EXPECT_EQ(down[0].interval.cell, Cell::kOsUnplanned);
  EXPECT_FALSE(down[0].interval.planned);
  ASSERT_EQ(outages().size(), 1U);
  EXPECT_EQ(down[0].interval.cause_event, outages()[0].event.id);
  const auto host = intervals(std::string(kHostUnit));
  ASSERT_EQ(host.size(), 1U);
  EXPECT_EQ(host[0].interval.duration, std::chrono::seconds(40));  // 50 to 90, when it booted
}

TEST_F(HostOutageTest, ABootWithoutAClockIsNoEndOfTheLedger) {
  {
    Store store = boot("one");  // in 1970
    Event ready = event("unit.ready", "a.service", 0, 100);
    ready.time = UtcTime{100 * kSecond};
    apply(store, {ready});
    ASSERT_TRUE(store.heartbeat(UtcTime{150 * kSecond}, BootTime{150 * kSecond}));
  }
  Store store = boot("two");
  const auto noted = store.note_outage(utc(110), BootTime{20 * kSecond});
  ASSERT_TRUE(noted) << noted.error().message();
  EXPECT_EQ(outages().size(), 1U);
  apply(store, {event("unit.ready", "a.service", 115, 25)});
  EXPECT_TRUE(intervals("a.service")[0].interval.closed);
}

TEST_F(HostOutageTest, APastThatCannotBeIsRefusedOnce) {
  {
    Store store = boot("one");
    apply(store, {event("unit.ready", "a.service", 0, 100)});
    // Beyond what an interval may begin at.
    ASSERT_TRUE(store.heartbeat(UtcTime{(std::int64_t{1} << 62) + 1000}, BootTime{150 * kSecond}));
  }
  Store store = boot("two");
  const auto noted = store.note_outage(utc(110), BootTime{20 * kSecond});
  ASSERT_TRUE(noted) << noted.error().message();
  EXPECT_EQ(noted->refused, 1U);
  EXPECT_NE(noted->refused_why, "");
  Database database = *Database::open(path_, OpenMode::kReadOnly);
  EXPECT_EQ(*database.value("SELECT outage_noted FROM boots WHERE boot_id = 'two'"), 1);
  EXPECT_TRUE(outages().empty());
  Store again = boot("two");
  EXPECT_EQ(again.note_outage(utc(120), BootTime{30 * kSecond})->refused, 0U);
}

TEST_F(HostOutageTest, AnImportedBootIsNotTheEarlierOne) {
  {
    Store store = boot("old");
    apply(store, {event("unit.ready", "a.service", -86400 * 300, 100)});
    store.close_in_order();
  }
  std::vector<std::string> lines;
  ASSERT_TRUE(export_ledger(path_, [&](const std::string& line) {
    lines.push_back(line);
    return true;
  }));
  std::filesystem::remove(path_);
  {
    Store store = boot("one");
    apply(store, {event("unit.ready", "a.service", 0, 100)});
    ASSERT_TRUE(store.heartbeat(utc(50), BootTime{150 * kSecond}));
    std::size_t next = 0;
    ASSERT_TRUE(store.import([&](std::string* line) -> Result<bool> {
      if (next == lines.size()) return false;
      *line = lines[next++];
      return true;
    }));
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
  const auto host = intervals(std::string(kHostUnit));
  ASSERT_EQ(host.size(), 1U);
  EXPECT_EQ(host[0].interval.start, utc(50));
  ASSERT_EQ(intervals("a.service").size(), 1U);
  EXPECT_EQ(intervals("a.service")[0].interval.start, utc(50));
}

TEST_F(HostOutageTest, IsNotedOnceForEachBoot) {
  {
    Store store = boot("one");
    apply(store, {event("unit.ready", "a.service", 0, 100)});
  }
  for (int start = 0; start < 3; ++start) {
    Store store = boot("two");
    ASSERT_TRUE(store.note_outage(utc(110 + start), BootTime{(20 + start) * kSecond}));
    ASSERT_TRUE(store.note_outage(utc(111 + start), BootTime{(21 + start) * kSecond}));
  }
  EXPECT_EQ(outages().size(), 1U);
  EXPECT_EQ(intervals("a.service").size(), 1U);
}

TEST_F(HostOutageTest, ANewerEventIsALaterSignThanTheHeartbeat) {
  {
    Store store = boot("one");
    ASSERT_TRUE(store.heartbeat(utc(50), BootTime{150 * kSecond}));
    apply(store, {event("unit.ready", "a.service", 55, 155)});
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
  EXPECT_EQ(intervals("a.service")[0].interval.start, utc(55));
}

TEST_F(HostOutageTest, WhatWasStoppedByRequestStaysAsItIs) {
  {
    Store store = boot("one");
    apply(store, {event("unit.ready", "a.service", 0, 100)});
    const Event stop = event("unit.stop-requested", "a.service", 10, 110);
    DowntimeInterval down = testing::opened("down", 10);
    down.start_since_boot = BootTime{110 * kSecond};
    down.planned = true;
    down.cell = Cell::kAppPlanned;
    down.cause_event = stop.id;
    apply(store, {stop, down});
    ASSERT_TRUE(store.heartbeat(utc(50), BootTime{150 * kSecond}));
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
  ASSERT_EQ(intervals("a.service").size(), 1U);
  EXPECT_FALSE(intervals("a.service")[0].interval.closed);
  // Its start in this boot ends it.
  apply(store, {event("unit.ready", "a.service", 130, 40)});
  const auto down = intervals("a.service");
  ASSERT_EQ(down.size(), 1U);
  EXPECT_EQ(down[0].interval.duration, std::chrono::seconds(120));
  EXPECT_TRUE(down[0].interval.planned);
}

TEST_F(HostOutageTest, WhatWasBeingRestartedIsSplitAtTheLastSign) {
  {
    Store store = boot("one");
    const Event exit = event("unit.exit", "a.service", 40, 140);
    DowntimeInterval down = testing::opened("down", 40);
    down.start_since_boot = BootTime{140 * kSecond};
    down.cause_event = exit.id;
    apply(store, {event("unit.ready", "a.service", 0, 100), exit, down});
    ASSERT_TRUE(store.heartbeat(utc(50), BootTime{150 * kSecond}));
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
  apply(store, {event("unit.ready", "a.service", 115, 25)});
  const auto down = intervals("a.service");
  ASSERT_EQ(down.size(), 2U);
  EXPECT_EQ(down[0].interval.id, "down");
  EXPECT_EQ(down[0].interval.duration, std::chrono::seconds(10));
  EXPECT_EQ(down[0].interval.cell, Cell::kAppUnplanned);
  EXPECT_EQ(down[1].interval.start, utc(50));
  EXPECT_EQ(down[1].interval.end, utc(115));
  EXPECT_EQ(down[1].interval.cell, Cell::kOsUnplanned);
}

TEST_F(HostOutageTest, WhatHadBeenGivenUpIsNotTheHostsFault) {
  {
    Store store = boot("one");
    DowntimeInterval down = testing::opened("down", 40);
    down.start_since_boot = BootTime{140 * kSecond};
    apply(store, {event("unit.ready", "a.service", 0, 100), down,
                  event("unit.gave-up", "a.service", 45, 145)});
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
  ASSERT_EQ(intervals("a.service").size(), 1U);
  EXPECT_EQ(intervals("a.service")[0].interval.cell, Cell::kAppUnplanned);
}

TEST_F(HostOutageTest, AShutdownInOrderIsPlanned) {
  {
    Store store = boot("one");
    const Event stopping = event("daemon.stopping", "", 40, 140);
    Event stop = event("unit.stop-requested", "a.service", 40, 140, R"({"by":"shutdown"})");
    stop.caused_by = stopping.id;
    DowntimeInterval down = testing::opened("down", 40);
    down.start_since_boot = BootTime{140 * kSecond};
    down.planned = true;
    down.cell = Cell::kAppPlanned;
    down.cause_event = stop.id;
    apply(store, {event("daemon.started", "", 0, 90), event("unit.ready", "a.service", 0, 100),
                  stopping, stop, down});
    ASSERT_TRUE(store.heartbeat(utc(42), BootTime{142 * kSecond}));
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
  const auto down = intervals("a.service");
  ASSERT_EQ(down.size(), 2U);
  EXPECT_EQ(down[0].interval.duration, std::chrono::seconds(2));
  EXPECT_TRUE(down[1].interval.planned);
  EXPECT_EQ(down[1].interval.cell, Cell::kOsPlanned);
  EXPECT_EQ(outages()[0].event.severity, Severity::kInfo);
}

TEST_F(HostOutageTest, ADaemonThatStartedAgainHadNotSaidGoodbye) {
  {
    Store store = boot("one");
    apply(store, {event("daemon.stopping", "", 0, 90), event("daemon.started", "", 10, 100),
                  event("unit.ready", "a.service", 11, 101)});
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(110), BootTime{20 * kSecond}));
  EXPECT_FALSE(intervals("a.service")[0].interval.planned);
}

TEST_F(HostOutageTest, TheClockMayBeSetBack) {
  {
    Store store = boot("one");
    apply(store, {event("unit.ready", "a.service", 0, 100)});
    ASSERT_TRUE(store.heartbeat(utc(50), BootTime{150 * kSecond}));
  }
  Store store = boot("two");
  ASSERT_TRUE(store.note_outage(utc(-5000), BootTime{20 * kSecond}));
  apply(store, {event("unit.ready", "a.service", -4990, 30)});
  const auto down = intervals("a.service");
  ASSERT_EQ(down.size(), 1U);
  EXPECT_EQ(down[0].interval.start, utc(50));
  EXPECT_EQ(down[0].interval.duration, std::chrono::seconds(30));
  EXPECT_NE(down[0].note.find("clock"), std::string::npos);
  EXPECT_EQ(intervals(std::string(kHostUnit))[0].interval.duration, std::chrono::seconds(20));
}

TEST_F(HostOutageTest, TwoOutagesBeforeItIsReadyAreOneDowntime) {
  {
    Store store = boot("one");
    apply(store, {event("unit.ready", "a.service", 0, 100)});
  }
  {
    Store store = boot("two");
    ASSERT_TRUE(store.note_outage(utc(50), BootTime{20 * kSecond}));
    ASSERT_TRUE(store.heartbeat(utc(55), BootTime{25 * kSecond}));
  }
  Store store = boot("three");
  ASSERT_TRUE(store.note_outage(utc(100), BootTime{20 * kSecond}));
  apply(store, {event("unit.ready", "a.service", 110, 30)});
  const auto down = intervals("a.service");
  ASSERT_EQ(down.size(), 1U);
  EXPECT_EQ(down[0].interval.duration, std::chrono::seconds(110));
  EXPECT_EQ(outages().size(), 2U);
}

}  // namespace
}  // namespace nines::ledger
