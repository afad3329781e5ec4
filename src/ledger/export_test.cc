#include "ledger/export.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "ledger/check.h"
#include "ledger/reader.h"
#include "ledger/reader_rows.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::kDay2026;
using testing::kSecond;

class ExportTest : public ::testing::Test {
 protected:
  static Store open(const std::string& path) {
    return std::move(*Store::open(path, testing::test_host()));
  }
  void fill(int count) {
    Store store = open(path_);
    std::vector<Record> records;
    for (int i = 0; i < count; ++i) {
      Event event = testing::make_event(new_id(), i % 2 == 0 ? "unit.exit" : "unit.ready",
                                        "a.service", i * 10);
      event.detail_json = fmt::format(R"({{"n":{},"text":"\u00e4\n"}})", i);
      DowntimeInterval down = testing::closed(fmt::format("i{}", i), i * 10, i * 10 + 3);
      down.cause_event = event.id;
      records.emplace_back(event);
      if (i % 2 == 0) records.emplace_back(down);
    }
    ASSERT_TRUE(store.apply(records));
    ASSERT_TRUE(store.apply(std::vector<Record>{testing::opened("open", count * 10)}, "boot-2"));
    store.close_in_order();
  }
  static std::vector<std::string> lines_of(const std::string& path) {
    std::vector<std::string> lines;
    const auto done = export_ledger(path, [&](const std::string& line) {
      lines.push_back(line);
      return true;
    });
    EXPECT_TRUE(done);
    return lines;
  }
  static Result<CommittedBatch> import(Store& store, const std::vector<std::string>& lines) {
    std::size_t next = 0;
    return store.import([&](std::string* line) -> Result<bool> {
      if (next == lines.size()) return false;
      *line = lines[next++];
      return true;
    });
  }

  testing::TempDir dir_;
  std::string path_ = dir_.file("ledger.db");
  std::string copy_ = dir_.file("copy.db");
};

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

class CheckTest : public ExportTest {};

TEST_F(CheckTest, ASoundOneHasNoFindingsAndIsLeftAlone) {
  fill(20);
  EXPECT_TRUE(check(path_)->empty());
  const std::string bytes = testing::read_whole(path_);
  const auto repaired = repair(path_, testing::test_host());
  ASSERT_TRUE(repaired);
  EXPECT_EQ(repaired->set_aside, "");
  EXPECT_EQ(testing::read_whole(path_), bytes);
}

TEST_F(CheckTest, BrokenRulesAreFoundAndMended) {
  struct Case {
    const char* rule;
    const char* sql;
  };
  const Case cases[] = {
      {"overlap", "UPDATE intervals SET duration_ns = 60000000000 WHERE seq = 3"},
      {"reference", "PRAGMA foreign_keys = OFF; UPDATE events SET kind = 4711 WHERE seq = 3"},
      {"reference", "INSERT INTO merged_intervals VALUES ('x', 'nowhere', 1, 1, 'because')"},
  };
  for (const Case& one : cases) {
    std::filesystem::remove(path_);
    fill(20);
    {
      Database database = *Database::open(path_, OpenMode::kReadWriteCreate);
      ASSERT_TRUE(database.execute(one.sql)) << one.sql;
      database.set_checkpoint_on_close(true);
    }
    const auto findings = check(path_);
    ASSERT_TRUE(findings);
    ASSERT_FALSE(findings->empty()) << one.sql;
    EXPECT_EQ(findings->front().rule, one.rule) << one.sql;
    const auto repaired = repair(path_, testing::test_host());
    ASSERT_TRUE(repaired) << repaired.error().message();
    EXPECT_TRUE(std::filesystem::exists(repaired->set_aside));
    EXPECT_TRUE(check(path_)->empty()) << one.sql;
    EXPECT_GE(repaired->events, 19U);
    EXPECT_GE(repaired->intervals, 9U);
  }
}

TEST_F(CheckTest, ARepairKeepsWhatIsNoRecord) {
  fill(20);
  {
    Store store = open(path_);
    ASSERT_TRUE(store.heartbeat(UtcTime{kDay2026 + 900 * kSecond}, BootTime{900 * kSecond}));
    ASSERT_TRUE(store.apply(
        std::vector<Record>{testing::make_event("q", "unit.ready", "quiet.service", 1)}));
    while (*store.roll_up(UtcTime{kDay2026 + 150 * kSecond}, 100) > 0) {
    }
    ASSERT_TRUE(std::move(*Store::open(path_, {"machine-1", "host-1", "boot-3"}))
                    .apply(std::vector<Record>{}));
  }
  const std::string everything =
      "SELECT (SELECT group_concat(id || boot_id || host || first_seen_ns || outage_noted) FROM "
      "boots) || (SELECT group_concat(boot || time_ns) FROM heartbeats) || (SELECT "
      "group_concat(day || k.text || count) FROM event_days d JOIN names k ON k.id = d.kind) || "
      "(SELECT group_concat(n.text || first_ns || ready_boot) FROM (SELECT * FROM units u JOIN "
      "names n ON n.id = u.unit ORDER BY n.text) n)";
  const auto all_of = [&] {
    Database database = *Database::open(path_, OpenMode::kReadOnly);
    return read_all<std::string>(&database, everything,
                                 [](const auto& rows) { return rows.bytes(0); })
        ->front();
  };
  const std::string before = all_of();
  {
    Database database = *Database::open(path_, OpenMode::kReadWriteCreate);
    ASSERT_TRUE(
        database.execute("PRAGMA foreign_keys = OFF; UPDATE events SET kind = 4711 WHERE "
                         "seq = 20"));
    database.set_checkpoint_on_close(true);
  }
  const auto repaired = repair(path_, {"machine-1", "host-1", "boot-3"});
  ASSERT_TRUE(repaired) << repaired.error().message();
  EXPECT_EQ(repaired->unreadable, 1U) << "of which nobody knows any more what it was";
  EXPECT_EQ(all_of(), before);
}

TEST_F(CheckTest, OfADamagedFileWhatCanBeReadIsSaved) {
  fill(3000);
  std::string bytes = testing::read_whole(path_);
  constexpr std::size_t kPage = 4096;
  const std::size_t pages = bytes.size() / kPage;
  std::size_t saved_any = 0;
  // Every page in turn, but for the first, which is the schema's.
  for (std::size_t page = 1; page < pages; page += 1 + pages / 25) {
    std::string damaged = bytes;
    damaged.replace(page * kPage, kPage, std::string(kPage, '\xa5'));
    testing::write_file(path_, damaged);
    const auto findings = check(path_);
    ASSERT_TRUE(findings) << page;
    ASSERT_FALSE(findings->empty()) << page;
    const auto repaired = repair(path_, testing::test_host());
    ASSERT_TRUE(repaired) << page << ": " << repaired.error().message();
    EXPECT_EQ(testing::read_whole(repaired->set_aside), damaged) << "never deleted, never altered";
    EXPECT_TRUE(check(path_)->empty()) << page;
    saved_any += repaired->events > 0 ? 1 : 0;
    std::filesystem::remove(repaired->set_aside);
  }
  EXPECT_GT(saved_any, 0U);
}

TEST_F(CheckTest, AFileThatIsNoDatabaseIsReplacedByAnEmptyLedger) {
  testing::write_file(path_, std::string(20000, 'g'));
  ASSERT_FALSE(check(path_)->empty());
  const auto repaired = repair(path_, testing::test_host());
  ASSERT_TRUE(repaired) << repaired.error().message();
  EXPECT_EQ(testing::read_whole(repaired->set_aside), std::string(20000, 'g'));
  EXPECT_TRUE(check(path_)->empty());
}

}  // namespace
}  // namespace nines::ledger
