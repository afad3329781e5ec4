#include "ledger/export.h"

#include <gtest/gtest.h>

#include "ledger/check.h"
#include "ledger/export_support.h"
#include "ledger/reader.h"
#include "ledger/store.h"

namespace nines::ledger {
namespace {

using testing::kDay2026;
using testing::kSecond;

using testing::ExportTest;

TEST_F(ExportTest, WhatGoesOutComesInAgainOnce) {
  fill(20);
  const auto lines = lines_of(path_);
  ASSERT_EQ(lines.size(), 20U + 10U + 1U + 2U + 0U);
  {
    Store copy = open(copy_);
    const auto first = import(copy, lines);
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_EQ(first->events_new, 20U);
    EXPECT_EQ(first->intervals_closed, 10U);
    const auto second = import(copy, lines);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->events_new, 0U);
    EXPECT_EQ(second->intervals_closed + second->intervals_opened, 0U);
  }
  EXPECT_EQ(lines_of(copy_), lines);
  EXPECT_TRUE(check(copy_)->empty());
}

TEST_F(ExportTest, AWrongLineIsNamedAndNothingIsTaken) {
  fill(6);
  const auto good = lines_of(path_);
  const char* wrong[] = {
      "{",
      "[]",
      "{}",
      R"({"kind":"unit.exit"})",
      R"({"id":"x","kind":"a.b","time":"2026-13-01T00:00:00Z"})",
      R"({"id":"x","unit":"a.service","start":"2026-11-22T00:00:00Z","closed":true})",
      R"({"boot_id":"b"})",
      R"({"boot_id":"b","machine_id":"m","more":1})",
  };
  for (const char* text : wrong) {
    auto lines = good;
    lines.insert(lines.begin() + 4, text);
    Store copy = open(copy_);
    const auto refused = import(copy, lines);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << text;
    EXPECT_EQ(refused.error().subject(), "line 5") << text;
    EventFilter all;
    EXPECT_EQ(Reader::open(copy_)->events(all)->size(), 0U) << text;
  }
  Store copy = open(copy_);
  const auto headless = import(copy, {good.begin() + 1, good.end()});
  ASSERT_FALSE(headless);
  EXPECT_EQ(headless.error().subject(), "line 1");
}

TEST_F(ExportTest, OldEventsBecomeDailyCountsAndDowntimesStay) {
  fill(20);
  Store store = open(path_);
  const UtcTime before{kDay2026 + 150 * kSecond};
  std::size_t gone = 0;
  for (std::size_t step = 1; step > 0; gone += step) step = *store.roll_up(before, 2);
  // Events 0 to 14 are older; the 8 even ones of them began a downtime.
  EXPECT_EQ(gone, 7U);
  Database database = *Database::open(path_, OpenMode::kReadOnly);
  EXPECT_EQ(*database.value("SELECT count(*) FROM events"), 13);
  EXPECT_EQ(*database.value("SELECT sum(count) FROM event_days"), 7);
  EXPECT_EQ(*database.value("SELECT count(*) FROM intervals"), 11);
  EXPECT_EQ(*store.roll_up(before, 100), 0U);
  EXPECT_TRUE(check(path_)->empty());
  // The newest one stays however old it is.
  while (*store.roll_up(UtcTime{INT64_MAX}, 100) > 0) {
  }
  EXPECT_EQ(*database.value("SELECT max(seq) FROM events"), 20);
}

TEST_F(ExportTest, AnotherMachinesNeedsAFileOfItsOwn) {
  fill(6);
  const auto lines = lines_of(path_);
  Store other = std::move(*Store::open(copy_, {"machine-2", "host-2", "boot-9"}));
  ASSERT_TRUE(other.apply(std::vector<Record>{testing::opened("now", 5000)}));
  const auto refused = import(other, lines);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().subject(), "line 1");
  EXPECT_NE(refused.error().hint().find("--ledger"), std::string::npos);
  // A new file is nobody's yet; then it is that machine's.
  const std::string own = dir_.file("own.db");
  Store fresh = std::move(*Store::open(own, {"machine-2", "host-2", "boot-9"}));
  ASSERT_TRUE(import(fresh, lines));
  ASSERT_TRUE(import(fresh, lines));
  const auto report = Reader::open(own)->why({.unit = "", .from = UtcTime{0}, .to = utc_now()});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->host.from, UtcTime{kDay2026}) << "from its first record, not from the import";
}

TEST_F(ExportTest, OldNewsChangeNothingOfThePresent) {
  const std::vector<std::string> old = [&] {
    Store store = open(copy_);
    EXPECT_TRUE(store.apply(
        std::vector<Record>{testing::make_event("r", "unit.ready", "a.service", 10)}, "boot-0"));
    store.close_in_order();
    return lines_of(copy_);
  }();
  Store store = open(path_);
  ASSERT_TRUE(store.apply(std::vector<Record>{
      testing::make_event("now", "unit.ready", "a.service", 5000), testing::opened("down", 6000)}));
  ASSERT_TRUE(import(store, old));
  const auto open_ones = Reader::open(path_)->open_intervals();
  ASSERT_TRUE(open_ones);
  ASSERT_EQ(open_ones->size(), 1U) << "it is down still";
  Database database = *Database::open(path_, OpenMode::kReadOnly);
  EXPECT_EQ(*database.value("SELECT b.boot_id = 'boot-1' FROM units u JOIN boots b ON b.id = "
                            "u.ready_boot JOIN names n ON n.id = u.unit WHERE n.text = "
                            "'a.service'"),
            1);
  EXPECT_EQ(*database.value("SELECT min(first_ns) FROM units"), kDay2026 + 10 * kSecond);
}

TEST_F(ExportTest, AnExportThatCannotBeReadToItsEndIsNotTaken) {
  fill(6);
  const auto lines = lines_of(path_);
  Store copy = open(copy_);
  std::size_t next = 0;
  const auto refused = copy.import([&](std::string* line) -> Result<bool> {
    if (next == 5) return Error(ErrorCode::kIo, "read", "the export");
    *line = lines[next++];
    return true;
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kIo);
  EventFilter all;
  EXPECT_EQ(Reader::open(copy_)->events(all)->size(), 0U);
}

TEST_F(ExportTest, WhatExplainsADowntimeOutlivesRetention) {
  {
    Store store = open(path_);
    Event dumped = testing::make_event("dumped", "unit.dumped", "a.service", 12);
    dumped.caused_by = "crash";
    dumped.detail_json = R"x({"exit":"signal SEGV (core dumped)"})x";
    Event told = testing::make_event("told", "predict.memory", "a.service", 5);
    told.severity = Severity::kWarning;
    DowntimeInterval down = testing::opened("down", 10);
    down.cause_event = "crash";
    ASSERT_TRUE(store.apply(
        std::vector<Record>{testing::make_event("ready", "unit.ready", "a.service", 1), told,
                            testing::make_event("crash", "unit.crash", "a.service", 10), down,
                            dumped, testing::make_event("noise", "unit.starting", "a.service", 13),
                            testing::make_event("gave-up", "unit.gave-up", "a.service", 14),
                            testing::make_event("newest", "unit.ready", "b.service", 20)}));
    while (*store.roll_up(UtcTime{INT64_MAX}, 100) > 0) {
    }
  }
  const auto report_of = [](const std::string& path) {
    return Reader::open(path)->why(
        {.unit = "a.service", .from = UtcTime{kDay2026}, .to = UtcTime{kDay2026 + 100 * kSecond}});
  };
  Store copy = open(copy_);
  ASSERT_TRUE(import(copy, lines_of(path_)));
  for (const std::string& path : {path_, copy_}) {
    EventFilter all;
    std::vector<std::string> kept;
    const auto events = Reader::open(path)->events(all);
    for (const StoredEvent& stored : *events) {
      kept.push_back(stored.event.id);
    }
    EXPECT_EQ(kept, (std::vector<std::string>{"newest", "gave-up", "dumped", "crash", "told"}));
    const auto story = Reader::open(path)->story("crash");
    ASSERT_TRUE(story);
    EXPECT_EQ(to_string(story->cause), "crash:SEGV");
    EXPECT_TRUE(story->predicted_by);
  }
  const auto report = report_of(path_);
  ASSERT_TRUE(report);
  EXPECT_EQ(to_string(report->causes.at(0).cause), "crash:SEGV");
}

}  // namespace
}  // namespace nines::ledger
