// What an import must leave alone, and whose exports it takes.
#include <gtest/gtest.h>

#include <functional>

#include "ledger/check.h"
#include "ledger/event_json.h"
#include "ledger/export_support.h"
#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::closed;
using testing::kDay2026;
using testing::kSecond;
using testing::make_event;
using testing::opened;

class ImportTest : public testing::ExportTest {
 protected:
  using Records = std::vector<Record>;

  /// The lines of a ledger with these records, all of boot `boot`.
  std::vector<std::string> export_of(const Records& records, const std::string& boot = "boot-0",
                                     const std::string& machine = "machine-1") {
    const std::string path = dir_.file(new_id());
    Store store = std::move(*Store::open(path, {machine, "host", boot}));
    EXPECT_TRUE(store.apply(records));
    store.close_in_order();
    return lines_of(path);
  }
  /// Of a ledger with records of its own, after the import.
  std::vector<StoredInterval> intervals_after(const std::vector<std::string>& lines,
                                              const Records& own) {
    Store store = open(path_);
    EXPECT_TRUE(store.apply(own));
    EXPECT_TRUE(import(store, lines));
    return intervals();
  }
  std::vector<StoredInterval> intervals() {
    return *Reader::open(path_)->intervals("a.service", UtcTime{0}, UtcTime{INT64_MAX});
  }
  static std::int64_t start_of(const StoredInterval& stored) {
    return (stored.interval.start.ns - kDay2026) / kSecond;
  }
  static std::int64_t seconds(const StoredInterval& stored) {
    return stored.interval.closed ? stored.interval.duration.count() / kSecond : -1;
  }
  std::int64_t value(const std::string& sql) {
    return *Database::open(path_, OpenMode::kReadOnly)->value(sql);
  }
};

TEST_F(ImportTest, TheSignalOfACrashComesAlong) {
  Event dumped = make_event("dumped", "unit.dumped", "a.service", 12);
  dumped.caused_by = "crash";
  dumped.detail_json = R"x({"exit":"signal SEGV (core dumped)"})x";
  DowntimeInterval down = closed("down", 10, 20);
  down.cause_event = "crash";
  const auto lines = export_of({make_event("crash", "unit.crash", "a.service", 10), down, dumped});
  Store store = open(path_);
  ASSERT_TRUE(import(store, lines));
  EXPECT_EQ(value("SELECT n.text = 'crash:SEGV' FROM intervals i JOIN names n ON n.id = i.cause"),
            1);
}

TEST_F(ImportTest, WhatWasFoundOutAboutACrashComesAlong) {
  Event dumped = make_event("dumped", "unit.dumped", "a.service", 13);
  dumped.detail_json = R"x({"exit":"signal SEGV (core dumped)"})x";
  Event captured = make_event("captured", "crash.captured", "a.service", 12);
  captured.detail_json = R"x({"signal":"SEGV","what":"null-call","function":"f()"})x";
  for (Event* event : {&dumped, &captured}) event->caused_by = "crash";
  DowntimeInterval down = closed("down", 10, 20);
  down.cause_event = "crash";
  const Event crash = make_event("crash", "unit.crash", "a.service", 10);
  const std::string sql =
      "SELECT n.text = 'crash:SEGV: null call in f()' FROM intervals i JOIN names n ON n.id = "
      "i.cause";
  {
    Store store = open(path_);
    // The exit status may come last: it knows less.
    ASSERT_TRUE(store.apply(Records{crash, down, captured, dumped}));
  }
  EXPECT_EQ(value(sql), 1);
  std::filesystem::remove(path_);
  Store store = open(path_);
  ASSERT_TRUE(import(store, export_of({crash, down, dumped, captured})));
  EXPECT_EQ(value(sql), 1);
}

TEST_F(ImportTest, WhatIsReadyHereIsNotDownForAnExport) {
  const auto lines = export_of({opened("old", 10)});
  const auto after = intervals_after(lines, {make_event("r", "unit.ready", "a.service", 60),
                                             make_event("s", "unit.ready", "a.service", 90)});
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(seconds(after[0]), 50) << "until the first readiness";
  EXPECT_NE(after[0].note.find("served by then"), std::string::npos);
}

TEST_F(ImportTest, AReadinessOfWhichOnlyTheUnitIsLeftCountsToo) {
  const auto lines = export_of({opened("old", 10)});
  Store store = open(path_);
  ASSERT_TRUE(store.apply(Records{make_event("r", "unit.ready", "a.service", 60)}));
  ASSERT_TRUE(store.heartbeat(UtcTime{kDay2026 + 100 * kSecond}, BootTime{100 * kSecond}));
  ASSERT_TRUE(Database::open(path_, OpenMode::kReadWriteCreate)->execute("DELETE FROM events"));
  ASSERT_TRUE(import(store, lines));
  ASSERT_EQ(intervals().size(), 1U);
  EXPECT_EQ(seconds(intervals()[0]), 50);
}

TEST_F(ImportTest, WhatWentDownHereLaterHadServed) {
  const auto lines = export_of({opened("old", 10)});
  const auto after = intervals_after(lines, {closed("new", 40, 45), opened("now", 70)});
  ASSERT_EQ(after.size(), 3U);
  EXPECT_EQ(start_of(after[0]), 10);
  EXPECT_EQ(seconds(after[0]), 30);
  EXPECT_EQ(seconds(after[2]), -1) << "it is down still";
}

TEST_F(ImportTest, WhatWasHeardOfLaterDoesNotBecomeDown) {
  const auto lines =
      export_of({make_event("last", "unit.gave-up", "a.service", 18), opened("old", 10)});
  Store store = open(path_);
  ASSERT_TRUE(store.apply(Records{make_event("x", "unit.stopping", "a.service", 70)}));
  ASSERT_TRUE(import(store, lines));
  ASSERT_EQ(intervals().size(), 1U);
  EXPECT_EQ(seconds(intervals()[0]), 8) << "until the last record of that boot";
  EXPECT_NE(intervals()[0].note.find("not known"), std::string::npos);
  const auto again = import(store, lines);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->intervals_closed + again->intervals_opened, 0U);
}

TEST_F(ImportTest, OfWhichNothingLaterIsKnownMayBeDownStill) {
  const auto lines =
      export_of({make_event("crash", "unit.exit", "a.service", 10), opened("old", 10)});
  for (int time = 0; time < 2; ++time) {
    const auto after = intervals_after(lines, {make_event("x", "unit.ready", "b.service", 70)});
    ASSERT_EQ(after.size(), 1U);
    EXPECT_EQ(seconds(after[0]), -1);
  }
}

TEST_F(ImportTest, AnEndInAnExportEndsNothingHere) {
  // Began before what is open here and, by its clock, ended after its start; or wholly after it.
  const auto lines = export_of({closed("across", 40, 80), closed("after", 90, 95)});
  Store store = open(path_);
  ASSERT_TRUE(store.apply(Records{opened("now", 60)}));
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(import(store, lines));
    ASSERT_EQ(intervals().size(), 2U);
    EXPECT_EQ(start_of(intervals()[0]), 40);
    EXPECT_EQ(seconds(intervals()[0]), 20);
    EXPECT_EQ(seconds(intervals()[1]), -1);
    EXPECT_EQ(value("SELECT count(*) FROM merged_intervals"), 1);
  }
  EXPECT_TRUE(check(path_)->empty());
}

TEST_F(ImportTest, AnOldEndOfTheSameIntervalEndsIt) {
  Store store = open(path_);
  ASSERT_TRUE(import(store, export_of({opened("i", 10)})));
  ASSERT_TRUE(import(store, export_of({closed("i", 10, 30)})));
  ASSERT_EQ(intervals().size(), 1U);
  EXPECT_EQ(seconds(intervals()[0]), 20);
}

TEST_F(ImportTest, AMachineIdMayHaveChanged) {
  {
    Store store = std::move(*Store::open(path_, {"before", "host", "boot-1"}));
    ASSERT_TRUE(store.apply(Records{make_event("e1")}));
  }
  {
    Store store = std::move(*Store::open(path_, {"after", "host", "boot-2"}));
    ASSERT_TRUE(store.apply(Records{make_event("e2")}));
    store.close_in_order();
  }
  const auto lines = lines_of(path_);
  ASSERT_EQ(lines.size(), 4U);
  Store own = std::move(*Store::open(path_, {"after", "host", "boot-2"}));
  EXPECT_TRUE(import(own, lines)) << "its own";
  Store fresh = std::move(*Store::open(copy_, {"elsewhere", "other", "boot-3"}));
  for (int time = 0; time < 2; ++time) {
    const auto taken = import(fresh, lines);
    ASSERT_TRUE(taken) << taken.error().message();
    EXPECT_EQ(taken->events_new, time == 0 ? 2U : 0U);
  }
  EXPECT_EQ(lines_of(copy_), lines);
  EXPECT_FALSE(import(fresh, export_of({make_event("e3")}, "boot-4", "a third one")));
}

TEST_F(ImportTest, ContainersOfOneHostShareItsBoot) {
  const auto lines = export_of({make_event("e1")}, "boot-1", "container");
  const auto others = export_of({make_event("e2")}, "boot-1", "container-2");
  Store store = std::move(*Store::open(path_, {"machine-1", "host-1", "boot-1"}));
  for (int time = 0; time < 2; ++time) {
    const auto taken = import(store, lines);
    ASSERT_TRUE(taken) << taken.error().message();
    EXPECT_EQ(taken->events_new, time == 0 ? 1U : 0U);
  }
  EXPECT_EQ(value("SELECT count(*) FROM events e JOIN boots b ON b.id = e.boot JOIN hosts h ON "
                  "h.id = b.host WHERE h.machine = 'container'"),
            1);
  EXPECT_FALSE(import(store, others)) << "has no records here";
  EXPECT_EQ(lines_of(path_), lines);
}

TEST_F(ImportTest, NothingIsLockedWhileItWaitsForItsInput) {
  const auto lines = export_of({make_event("e1"), closed("i", 10, 20)});
  Store store = open(path_);
  std::size_t next = 0;
  const auto taken = store.import([&](std::string* line) -> Result<bool> {
    // The daemon, meanwhile.
    Store other = open(path_);
    EXPECT_TRUE(other.apply(Records{make_event("live" + std::to_string(next))}));
    if (next == lines.size()) return false;
    *line = lines[next++];
    return true;
  });
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->events_new, 1U);
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir_.path())) {
    files += file.path().string().find(".lines-") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(files, 0U);
}

}  // namespace
}  // namespace nines::ledger
