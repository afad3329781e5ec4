#include <gtest/gtest.h>

#include <random>

#include "ledger/check.h"
#include "ledger/export_support.h"
#include "ledger/reader.h"
#include "ledger/reader_rows.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::kDay2026;
using testing::kSecond;

class CheckTest : public testing::ExportTest {};

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

class RepairTest : public CheckTest {
 protected:
  static constexpr std::size_t kPage = 4096;

  void change(const std::string& sql) {
    Database database = *Database::open(path_, OpenMode::kReadWriteCreate);
    ASSERT_TRUE(database.execute("PRAGMA foreign_keys = OFF; " + sql)) << sql;
    database.set_checkpoint_on_close(true);
  }
  std::int64_t value(const std::string& sql) {
    return *Database::open(path_, OpenMode::kReadOnly)->value(sql);
  }
  void destroy(std::int64_t page, char with = '\xa5') {
    std::string bytes = testing::read_whole(path_);
    bytes.replace((static_cast<std::size_t>(page) - 1) * kPage, kPage, std::string(kPage, with));
    testing::write_file(path_, bytes);
  }
  /// Destroys the first page of a table or index.
  void destroy(const std::string& name) {
    destroy(value("SELECT rootpage FROM sqlite_schema WHERE name = '" + name + "'"));
  }
  Repaired mend() {
    const auto repaired = repair(path_, testing::test_host());
    EXPECT_TRUE(repaired) << repaired.error().message();
    EXPECT_TRUE(check(path_)->empty());
    return repaired ? *repaired : Repaired{};
  }
};

TEST_F(RepairTest, ALostHostOrBootLosesNoRecord) {
  for (const char* table : {"hosts", "boots"}) {
    std::filesystem::remove(path_);
    fill(20);
    destroy(table);
    const Repaired repaired = mend();
    EXPECT_EQ(repaired.events, 20U) << table;
    EXPECT_EQ(repaired.intervals, 11U) << table;
    EXPECT_EQ(value("SELECT count(*) FROM boots WHERE boot_id LIKE 'lost-%' AND outage_noted = 2"),
              std::string(table) == "boots" ? 2 : 0);
    EXPECT_EQ(value("SELECT count(*) FROM hosts WHERE machine = 'machine-1'"), 1);
  }
}

TEST_F(RepairTest, ALostBootIsNoReasonToLookForAnOutage) {
  fill(20);
  destroy("boots");
  mend();
  Store store = std::move(*Store::open(path_, testing::test_host()));
  ASSERT_TRUE(store.note_outage(utc_now(), BootTime{kSecond}));
  EXPECT_EQ(value("SELECT count(*) FROM events"), 20);
}

TEST_F(RepairTest, RowsStayWhatTheyWere) {
  fill(20);
  change(
      "INSERT OR IGNORE INTO names (text) VALUES ('crash:BUS');"
      "UPDATE events SET seq = seq + 1000000;"
      "DELETE FROM events WHERE id = (SELECT cause_event FROM intervals WHERE seq = 1);"
      "UPDATE intervals SET cause = (SELECT id FROM names WHERE text = 'crash:BUS'), note = "
      "'because' WHERE seq = 1;"
      "UPDATE intervals SET clipped_ns = 7 WHERE duration_ns IS NULL;"
      "UPDATE units SET ready_since_boot_ns = 42;"
      "INSERT INTO merged_intervals VALUES ('x', 'nowhere', 1, 1, 'because')");
  const std::int64_t last = value("SELECT max(seq) FROM events");
  EXPECT_EQ(mend().unreadable, 1U);
  EXPECT_EQ(value("SELECT max(seq) FROM events"), last);
  EXPECT_EQ(value("SELECT count(*) FROM intervals i JOIN names n ON n.id = i.cause WHERE n.text = "
                  "'crash:BUS' AND i.note = 'because'"),
            1);
  EXPECT_EQ(value("SELECT clipped_ns FROM intervals WHERE duration_ns IS NULL"), 7);
  EXPECT_EQ(value("SELECT ready_since_boot_ns FROM units"), 42);
  Store store = open(path_);
  ASSERT_TRUE(store.apply(std::vector<Record>{testing::make_event("next")}));
  EXPECT_EQ(value("SELECT seq FROM events WHERE id = 'next'"), last + 1);
}

TEST_F(RepairTest, AnImportedReadinessDoesNotBecomeTheLastOne) {
  {
    Store store = open(copy_);
    ASSERT_TRUE(store.apply(
        std::vector<Record>{testing::make_event("old", "unit.ready", "a.service", 10)}, "boot-0"));
    store.close_in_order();
  }
  {
    Store store = open(path_);
    ASSERT_TRUE(store.apply(
        std::vector<Record>{testing::make_event("now", "unit.ready", "a.service", 5000)}));
    ASSERT_TRUE(import(store, lines_of(copy_)));
    store.close_in_order();
  }
  change("INSERT INTO merged_intervals VALUES ('x', 'nowhere', 1, 1, 'because')");
  mend();
  EXPECT_EQ(value("SELECT b.boot_id = 'boot-1' FROM units u JOIN boots b ON b.id = u.ready_boot"),
            1);
}

TEST_F(RepairTest, ANameThatIsLostIsNotTakenForAnother) {
  fill(20);
  // The last names, whose numbers would be given again.
  change("DELETE FROM names WHERE text IN ('unit.exit', 'exit', 'unknown')");
  change("DELETE FROM names WHERE id = (SELECT max(id) FROM names)");
  const Repaired repaired = mend();
  EXPECT_EQ(repaired.events, static_cast<std::size_t>(value("SELECT count(*) FROM events e JOIN "
                                                            "names n ON n.id = e.kind WHERE "
                                                            "n.text LIKE 'unit.%'")));
}

TEST_F(RepairTest, BehindAHoleItGoesOn) {
  fill(3000);
  const std::int64_t root = value("SELECT rootpage FROM sqlite_schema WHERE name = 'events'");
  const std::string bytes = testing::read_whole(path_);
  // The second child of the root; interior cells begin with the page. @source fileformat2 1.6
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  const std::size_t start = (static_cast<std::size_t>(root) - 1) * kPage;
  ASSERT_EQ(byte(start), 5) << "an interior page";
  const std::size_t cell = start + byte(start + 14) * 256U + byte(start + 15);
  destroy((byte(cell) << 24) | (byte(cell + 1) << 16) | (byte(cell + 2) << 8) | byte(cell + 3));
  const Repaired repaired = mend();
  EXPECT_GT(repaired.events, 2900U);
  EXPECT_EQ(repaired.events + repaired.unreadable, 3000U) << "each lost one is counted";
}

TEST_F(RepairTest, WhateverIsDamaged) {
  fill(400);
  {
    Store store = open(path_);
    ASSERT_TRUE(store.heartbeat(UtcTime{kDay2026 + 900 * kSecond}, BootTime{900 * kSecond}));
    ASSERT_TRUE(store.apply(std::vector<Record>{testing::closed("j", 3990, 4100),
                                                testing::opened("k", 5, "b.service")}));
    while (*store.roll_up(UtcTime{kDay2026 + 150 * kSecond}, 100) > 0) {
    }
    store.close_in_order();
  }
  const std::string sound = testing::read_whole(path_);
  const std::size_t pages = sound.size() / kPage;
  std::size_t mended = 0;
  for (unsigned seed = 0; seed < 120; ++seed) {
    std::mt19937 random(seed);
    std::string damaged = sound;
    for (unsigned hits = 1 + random() % 4; hits > 0; --hits) {
      // Not the header, of which a flipped bit makes another program's file.
      const std::size_t page = random() % pages;
      const std::size_t at = page * kPage + (page == 0 ? 100 : 0);
      const std::size_t size = kPage - at % kPage;
      if (random() % 3 == 0) {
        damaged.replace(at, size, std::string(size, '\0'));
        continue;
      }
      for (unsigned flips = 1 + random() % 20; flips > 0; --flips) {
        damaged[at + random() % size] ^= static_cast<char>(1U << random() % 8);
      }
    }
    testing::write_file(path_, damaged);
    const auto repaired = repair(path_, testing::test_host());
    if (!repaired) {
      EXPECT_NE(repaired.error().message(), "");
      EXPECT_EQ(testing::read_whole(path_), damaged) << seed;
      continue;
    }
    const auto findings = check(path_);
    ASSERT_TRUE(findings) << seed;
    EXPECT_TRUE(findings->empty()) << seed << ": " << findings->front().detail;
    if (repaired->set_aside.empty()) continue;
    EXPECT_EQ(testing::read_whole(repaired->set_aside), damaged) << seed;
    mended += repaired->events > 0 ? 1 : 0;
    std::filesystem::remove(repaired->set_aside);
  }
  EXPECT_GT(mended, 80U);
}

}  // namespace
}  // namespace nines::ledger
