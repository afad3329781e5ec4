#include "ledger/interval_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::closed;
using testing::kDay2026;
using testing::kSecond;
using testing::opened;

/// "id [start,end)" in seconds, "id [start,open)".
std::string text_of(const StoredInterval& stored) {
  const DowntimeInterval& interval = stored.interval;
  const auto seconds = [](UtcTime time) { return (time.ns - kDay2026) / kSecond; };
  if (!interval.closed) return fmt::format("{} [{},open)", interval.id, seconds(interval.start));
  return fmt::format("{} [{},{})", interval.id, seconds(interval.start), seconds(interval.end));
}

class IntervalTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(path_, testing::test_host());
    ASSERT_TRUE(store.has_value()) << store.error().message();
    store_.emplace(std::move(*store));
  }
  CommittedBatch put(const DowntimeInterval& interval, const std::string& boot = {}) {
    const Record record(interval);
    auto batch = store_->apply({&record, 1}, boot);
    EXPECT_TRUE(batch.has_value()) << batch.error().message();
    return batch ? *batch : CommittedBatch{};
  }
  std::vector<StoredInterval> stored(const std::string& unit = "a.service") {
    return *Reader::open(path_)->intervals(unit, UtcTime{0}, UtcTime{INT64_MAX});
  }
  std::vector<std::string> texts(const std::string& unit = "a.service") {
    std::vector<std::string> all;
    for (const StoredInterval& one : stored(unit)) all.push_back(text_of(one));
    return all;
  }
  std::int64_t merged_count() {
    return *Database::open(path_, OpenMode::kReadOnly)
                ->value("SELECT count(*) FROM merged_intervals");
  }
  using Texts = std::vector<std::string>;

  testing::TempDir dir_;
  std::string path_ = dir_.file("ledger.db");
  std::optional<Store> store_;
};

TEST_F(IntervalTableTest, OpensThenCloses) {
  EXPECT_EQ(put(opened("i", 10)).intervals_opened, 1U);
  EXPECT_EQ(texts(), Texts{"i [10,open)"});
  EXPECT_EQ(put(closed("i", 10, 13)).intervals_closed, 1U);
  EXPECT_EQ(texts(), Texts{"i [10,13)"});
}

TEST_F(IntervalTableTest, ARepeatedReportChangesNothing) {
  put(opened("i", 10));
  EXPECT_EQ(put(opened("i", 10)).intervals_unchanged, 1U);
  put(closed("i", 10, 13));
  EXPECT_EQ(put(closed("i", 10, 20)).intervals_unchanged, 1U);
  EXPECT_EQ(put(opened("i", 10)).intervals_unchanged, 1U);  // never opened again
  EXPECT_EQ(texts(), Texts{"i [10,13)"});
}

TEST_F(IntervalTableTest, AClosingWithoutItsOpeningIsWhole) {
  EXPECT_EQ(put(closed("i", 10, 13)).intervals_closed, 1U);
  EXPECT_EQ(texts(), Texts{"i [10,13)"});
}

TEST_F(IntervalTableTest, UnitsDoNotMeddle) {
  put(opened("a", 10, "a.service"));
  put(opened("b", 10, "b.service"));
  put(closed("b", 10, 12, "b.service"));
  EXPECT_EQ(texts("a.service"), Texts{"a [10,open)"});
  EXPECT_EQ(texts("b.service"), Texts{"b [10,12)"});
}

TEST_F(IntervalTableTest, ASecondOpeningIsMergedAndItsEndEndsTheFirst) {
  put(opened("first", 10));
  EXPECT_EQ(put(opened("second", 12)).intervals_merged, 1U);
  EXPECT_EQ(put(opened("second", 12)).intervals_unchanged, 1U);
  EXPECT_EQ(texts(), Texts{"first [10,open)"});
  put(closed("second", 12, 15));
  EXPECT_EQ(texts(), Texts{"first [10,15)"});
  EXPECT_NE(stored().front().note.find("another interval"), std::string::npos);
  EXPECT_EQ(put(closed("first", 10, 99)).intervals_unchanged, 1U);
  EXPECT_EQ(put(closed("second", 12, 99)).intervals_unchanged, 1U);
  EXPECT_EQ(texts(), Texts{"first [10,15)"});
  EXPECT_EQ(merged_count(), 1);
}

TEST_F(IntervalTableTest, TheMergedOneDoesNotCloseALaterOne) {
  put(opened("first", 10));
  put(opened("second", 12));
  put(closed("first", 10, 14));
  put(opened("third", 20));
  EXPECT_EQ(put(closed("second", 12, 14)).intervals_unchanged, 1U);
  EXPECT_EQ(texts(), (Texts{"first [10,14)", "third [20,open)"}));
}

TEST_F(IntervalTableTest, AClosedOneAroundTheBeginningOfTheOpenOneIsSplit) {
  put(opened("open", 10));
  put(closed("late", 8, 12));
  EXPECT_EQ(texts(), (Texts{"late [8,10)", "open [10,12)"}));
}

TEST_F(IntervalTableTest, AnEarlierClosedOneMayComeWhileOneIsOpen) {
  put(opened("open", 10));
  put(closed("earlier", 5, 8));
  EXPECT_EQ(texts(), (Texts{"earlier [5,8)", "open [10,open)"}));
}

TEST_F(IntervalTableTest, TrueOverlapsAreShortened) {
  put(closed("x", 10, 20));
  put(closed("tail", 15, 25));
  put(closed("head", 5, 12));
  put(closed("inside", 11, 19));
  EXPECT_EQ(texts(), (Texts{"head [5,10)", "x [10,20)", "tail [20,25)"}));
  EXPECT_EQ(merged_count(), 1);
}

TEST_F(IntervalTableTest, AnOpeningInsideAClosedOneBeginsAtItsEnd) {
  put(closed("x", 10, 20));
  put(opened("y", 15));
  EXPECT_EQ(texts(), (Texts{"x [10,20)", "y [20,open)"}));
  put(closed("y", 15, 30));  // measured from 15: the part before 20 is x's
  EXPECT_EQ(texts(), (Texts{"x [10,20)", "y [20,30)"}));
}

TEST_F(IntervalTableTest, AClockSetBackMovesButDoesNotShorten) {
  put(closed("x", 100, 110));
  DowntimeInterval later = opened("y", 105);         // UTC says 105 ...
  later.start_since_boot = BootTime{300 * kSecond};  // ... and it is 190 s after x
  put(later);
  EXPECT_EQ(texts(), (Texts{"x [100,110)", "y [110,open)"}));
  later.closed = true;
  later.duration = Nanoseconds(7 * kSecond);
  put(later);
  EXPECT_EQ(texts(), (Texts{"x [100,110)", "y [110,117)"}));
  EXPECT_NE(stored()[1].note.find("clock was set"), std::string::npos);
}

TEST_F(IntervalTableTest, AnOpenOneIsMovedAtItsEndWhenItGrewIntoAnother) {
  put(closed("x", 100, 110));
  DowntimeInterval y = opened("y", 95);
  y.start_since_boot = BootTime{300 * kSecond};
  put(y);
  y.closed = true;
  y.duration = Nanoseconds(20 * kSecond);
  put(y);
  EXPECT_EQ(texts(), (Texts{"x [100,110)", "y [110,130)"}));
}

TEST_F(IntervalTableTest, TheSameTimesOfAnotherBootAreNotTheSameTime) {
  put(closed("x", 100, 110), "boot-0");
  DowntimeInterval y = closed("y", 104, 108);
  put(y, "boot-1");  // since-boot times overlap too, but of another boot
  EXPECT_EQ(texts(), (Texts{"x [100,110)", "y [110,114)"}));
}

TEST_F(IntervalTableTest, ImpossibleTimesAreRefusedAndTheBatchGoesOn) {
  std::vector<Record> records;
  DowntimeInterval bad = closed("bad", 10, 9);
  records.emplace_back(bad);
  bad.duration = Nanoseconds(INT64_MAX);
  records.emplace_back(bad);
  bad = opened("", 5);
  records.emplace_back(bad);
  bad = opened("no-unit", 5, "");
  records.emplace_back(bad);
  bad = opened("before time", 5);
  bad.start = UtcTime{-1};
  records.emplace_back(bad);
  records.emplace_back(closed("good", 20, 21));
  const auto batch = store_->apply(records);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->refused, 5U);
  EXPECT_FALSE(batch->refused_why.empty());
  EXPECT_EQ(texts(), Texts{"good [20,21)"});
}

/// Whatever is reported, in whatever order, under whatever clock: the promises hold.
TEST_F(IntervalTableTest, RandomReportsNeverOverlap) {
  std::mt19937 random(20261122);
  const auto pick = [&random](int below) {
    return static_cast<std::int64_t>(random() % static_cast<unsigned>(below));
  };
  for (int round = 0; round < 2000; ++round) {
    DowntimeInterval one = opened(fmt::format("i{}", pick(300)), pick(1000));
    one.start_since_boot = BootTime{pick(1000) * kSecond};
    one.closed = pick(3) != 0;
    if (one.closed) one.duration = Nanoseconds(pick(30) * kSecond);
    put(one, pick(2) == 0 ? "boot-1" : "boot-2");
    if (round % 50 != 0 && round < 1990) continue;
    int open_count = 0;
    std::int64_t last_end = 0;
    for (const StoredInterval& each : stored()) {
      if (!each.interval.closed) {
        ++open_count;
        continue;
      }
      ASSERT_GE(each.interval.start.ns, last_end) << "round " << round << ' ' << each.interval.id;
      last_end = each.interval.end.ns;
    }
    ASSERT_LE(open_count, 1);
  }
  EXPECT_GT(stored().size(), 20U);
}

}  // namespace
}  // namespace nines::ledger
