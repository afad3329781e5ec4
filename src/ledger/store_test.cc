#include "ledger/store.h"

#include <gtest/gtest.h>

#include <random>

#include "base/fault_point.h"
#include "ledger/availability.h"
#include "ledger/reader.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::closed;
using testing::kDay2026;
using testing::kSecond;
using testing::make_event;
using testing::opened;

class StoreTest : public ::testing::Test {
 protected:
  Store open_store(const HostIdentity& host = testing::test_host()) {
    auto store = Store::open(path_, host);
    EXPECT_TRUE(store.has_value()) << store.error().message();
    return std::move(*store);
  }
  Reader reader() { return std::move(*Reader::open(path_)); }
  std::vector<std::string> ids(const EventFilter& filter) {
    std::vector<std::string> all;
    const std::vector<StoredEvent> found = *reader().events(filter);
    for (const StoredEvent& stored : found) all.push_back(stored.event.id);
    return all;
  }
  using Ids = std::vector<std::string>;

  testing::TempDir dir_;
  std::string path_ = dir_.file("ledger.db");
};

TEST_F(StoreTest, AnEventComesBackAsItWas) {
  Store store = open_store();
  Event event = make_event(new_id());
  event.cell = Cell::kHwProactive;
  event.severity = Severity::kError;
  event.detail_json = R"({"code":11})";
  event.caused_by = new_id();
  const Record record(event);
  ASSERT_TRUE(store.apply({&record, 1}).has_value());
  const auto stored = reader().event(event.id);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->event.time, event.time);
  EXPECT_EQ(stored->event.since_boot, event.since_boot);
  EXPECT_EQ(stored->event.cell, event.cell);
  EXPECT_EQ(stored->event.severity, event.severity);
  EXPECT_EQ(stored->event.kind, event.kind);
  EXPECT_EQ(stored->event.subject, event.subject);
  EXPECT_EQ(stored->event.detail_json, event.detail_json);
  EXPECT_EQ(stored->event.caused_by, event.caused_by);
  EXPECT_EQ(stored->boot_id, "boot-1");
  EXPECT_EQ(stored->host, "host-1");
  EXPECT_EQ(reader().event("no such id").error().code(), ErrorCode::kNotFound);
}

TEST_F(StoreTest, TheSameIdAgainChangesNothing) {
  Store store = open_store();
  std::vector<Record> records{make_event("e", "first")};
  EXPECT_EQ(store.apply(records)->events_new, 1U);
  records = {make_event("e", "second"), make_event("f")};
  const auto batch = store.apply(records);
  EXPECT_EQ(batch->events_known, 1U);
  EXPECT_EQ(batch->events_new, 1U);
  EXPECT_EQ(reader().event("e")->event.kind, "first");
}

TEST_F(StoreTest, AFlawedDetailIsWrappedAndAFlawedEventRefused) {
  Store store = open_store();
  Event text = make_event("text");
  text.detail_json = "not \"json\" \xff";
  Event list = make_event("list");
  list.detail_json = "[1]";
  Event no_kind = make_event("no kind", "");
  Event no_id = make_event("");
  const std::vector<Record> records{text, list, no_kind, no_id, make_event("good")};
  const auto batch = store.apply(records);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->refused, 2U);
  EXPECT_EQ(reader().event("text")->event.detail_json,
            "{\"text\":\"not \\\"json\\\" \xef\xbf\xbd\"}");
  EXPECT_EQ(reader().event("list")->event.detail_json, R"({"text":"[1]"})");
  EXPECT_TRUE(reader().event("good").has_value());
}

TEST_F(StoreTest, AFailedBatchLeavesNothingAndTheNextOneWorks) {
  Store store = open_store();
  const std::vector<Record> records{make_event("e", "new.kind", "new.service"), opened("i", 1)};
  for (const char* fault : {"store_begin:fail", "store_commit:fail"}) {
    ASSERT_TRUE(fault::arm(fault).has_value());
    EXPECT_EQ(store.apply(records, "boot-9").error().code(), ErrorCode::kInjected);
    EXPECT_EQ(*reader().last_seq(), 0);
    EXPECT_TRUE(reader().open_intervals()->empty());
  }
  ASSERT_TRUE(fault::arm("").has_value());
  // Names and boots that were interned in the undone transaction are interned anew.
  ASSERT_TRUE(store.apply(records, "boot-9").has_value());
  EXPECT_EQ(reader().event("e")->event.kind, "new.kind");
  EXPECT_EQ(reader().event("e")->event.subject, "new.service");
  EXPECT_EQ(reader().event("e")->boot_id, "boot-9");
  EXPECT_EQ(reader().open_intervals()->size(), 1U);
}

TEST_F(StoreTest, FiltersSelect) {
  Store store = open_store();
  Event warning = make_event("c", "health.fail", "b.service", 3);
  warning.severity = Severity::kWarning;
  const std::vector<Record> records{make_event("a", "unit.exit", "a.service", 1),
                                    make_event("b", "unit.ready", "a.service", 2), warning,
                                    make_event("d", "ledger.recovered", "", 4)};
  ASSERT_TRUE(store.apply(records).has_value());
  EXPECT_EQ(ids({}), (Ids{"d", "c", "b", "a"}));
  EXPECT_EQ(ids({.limit = 2}), (Ids{"d", "c"}));
  EXPECT_EQ(ids({.subject = "a.service"}), (Ids{"b", "a"}));
  EXPECT_EQ(ids({.subject = ""}), Ids{"d"});
  EXPECT_EQ(ids({.subject = "none.service"}), Ids{});
  EXPECT_EQ(ids({.kind = "unit.exit"}), Ids{"a"});
  EXPECT_EQ(ids({.kind = "unit.*"}), (Ids{"b", "a"}));
  EXPECT_EQ(ids({.kind = "u*it.*"}), Ids{});  // only the last '*' is special
  EXPECT_EQ(ids({.kind = "*"}), (Ids{"d", "c", "b", "a"}));
  EXPECT_EQ(ids({.at_least = Severity::kWarning}), Ids{"c"});
  EXPECT_EQ(ids({.since = UtcTime{kDay2026 + 3 * kSecond}}), (Ids{"d", "c"}));
  EXPECT_EQ(ids({.until = UtcTime{kDay2026 + 3 * kSecond}}), (Ids{"b", "a"}));
  EXPECT_EQ(ids({.subject = "a.service", .kind = "unit.ready", .since = UtcTime{kDay2026}}),
            Ids{"b"});
  const std::int64_t second = reader().event("b")->seq;
  EXPECT_EQ(ids({.after_seq = second}), (Ids{"c", "d"}));
  EXPECT_EQ(ids({.after_seq = second, .limit = 1}), Ids{"c"});
  EXPECT_EQ(ids({.after_seq = *reader().last_seq()}), Ids{});
  EXPECT_EQ(reader().first_seen("a.service")->value().ns, kDay2026 + kSecond);
  EXPECT_FALSE(reader().first_seen("none.service")->has_value());
}

TEST_F(StoreTest, BootsAndHeartbeats) {
  {
    Store store = open_store({"m", "old-name", "boot-1"});
  }
  Store store = open_store({"m", "new-name", "boot-2"});
  ASSERT_TRUE(store.heartbeat(UtcTime{kDay2026}, BootTime{5}).has_value());
  ASSERT_TRUE(store.heartbeat(UtcTime{kDay2026 + 7}, BootTime{12}).has_value());
  const auto boots = reader().boots();
  ASSERT_EQ(boots->size(), 2U);
  EXPECT_EQ(boots->front().boot_id, "boot-2");
  EXPECT_EQ(boots->front().host, "new-name");
  EXPECT_EQ(boots->front().last_heartbeat->ns, kDay2026 + 7);
  EXPECT_EQ(boots->back().host, "new-name");  // the same machine
  EXPECT_FALSE(boots->back().last_heartbeat.has_value());
}

TEST_F(StoreTest, IntervalsThatTouchTheWindow) {
  Store store = open_store();
  const std::vector<Record> records{closed("a", 0, 10),  closed("b", 20, 30),
                                    closed("c", 40, 40), closed("d", 50, 60),
                                    opened("e", 70),     closed("other", 0, 99, "b.service")};
  ASSERT_TRUE(store.apply(records).has_value());
  const auto in = [this](std::int64_t from, std::int64_t to) {
    Ids all;
    const std::vector<StoredInterval> found = *reader().intervals(
        "a.service", UtcTime{kDay2026 + from * kSecond}, UtcTime{kDay2026 + to * kSecond});
    for (const StoredInterval& one : found) {
      all.push_back(one.interval.id);
    }
    return all;
  };
  EXPECT_EQ(in(0, 100), (Ids{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(in(5, 6), Ids{"a"});
  EXPECT_EQ(in(10, 20), Ids{});
  EXPECT_EQ(in(29, 51), (Ids{"b", "c", "d"}));
  EXPECT_EQ(in(80, 100), Ids{"e"});
  EXPECT_EQ(in(60, 70), Ids{});
}

TEST_F(StoreTest, AvailabilityOfAWindow) {
  Store store = open_store();
  DowntimeInterval planned = closed("p", 20, 30);
  planned.planned = true;
  const std::vector<Record> records{closed("a", 0, 10), planned, opened("open", 90)};
  ASSERT_TRUE(store.apply(records).has_value());
  const auto at = [](std::int64_t second) { return UtcTime{kDay2026 + second * kSecond}; };
  const auto result = reader().availability("a.service", at(5), at(500), at(105));
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->to, at(105));  // the future is not judged
  EXPECT_EQ(result->downtime.count(), 30 * kSecond);
  EXPECT_EQ(result->planned.count(), 10 * kSecond);
  EXPECT_EQ(result->unplanned.count(), 20 * kSecond);
  EXPECT_EQ(result->intervals, 3U);
  EXPECT_EQ(result->planned_intervals, 1U);
  EXPECT_DOUBLE_EQ(result->up_fraction, 0.7);
  ASSERT_TRUE(result->last.has_value());
  EXPECT_EQ(result->last->id, "open");
  EXPECT_EQ(reader().availability("never", at(0), at(10), at(10))->up_fraction, 1.0);
}

TEST(Availability, SharedTimeCountsOnceAndEmptyWindowsAreUp) {
  const std::vector<DowntimeInterval> intervals{closed("a", 0, 10), closed("b", 5, 15),
                                                closed("zero", 7, 7)};
  const auto at = [](std::int64_t second) { return UtcTime{kDay2026 + second * kSecond}; };
  const Availability result = availability(intervals, at(0), at(100), at(100));
  EXPECT_EQ(result.downtime.count(), 15 * kSecond);
  EXPECT_EQ(result.intervals, 3U);
  EXPECT_EQ(availability(intervals, at(5), at(5), at(100)).up_fraction, 1.0);
  EXPECT_EQ(availability(intervals, at(50), at(20), at(100)).up_fraction, 1.0);
  EXPECT_EQ(availability(intervals, at(50), at(60), at(20)).downtime.count(), 0);
  EXPECT_EQ(availability({}, at(0), at(10), at(100)).up_fraction, 1.0);
}

/// Damage is told as damage, and never crashes; a flip that alters nothing we read may pass.
TEST_F(StoreTest, DamagedFilesAreToldAsSuch) {
  {
    Store store = open_store();
    std::vector<Record> records;
    for (int i = 0; i < 500; ++i) records.emplace_back(make_event(new_id(), "unit.exit", "u", i));
    ASSERT_TRUE(store.apply(records).has_value());
    store.close_in_order();
  }
  const std::string whole = testing::read_whole(path_);
  ASSERT_GT(whole.size(), 16384U);
  const auto code_of = [this](const std::string& bytes) -> std::optional<ErrorCode> {
    std::filesystem::remove(path_ + "-wal");
    std::filesystem::remove(path_ + "-shm");
    testing::write_file(path_, bytes);
    auto store = Store::open(path_, testing::test_host());
    if (!store) return store.error().code();
    std::vector<Record> records;
    for (int i = 0; i < 50; ++i) records.emplace_back(make_event(new_id()));
    auto batch = store->apply(records);
    return batch ? std::nullopt : std::optional(batch.error().code());
  };
  EXPECT_EQ(code_of(std::string(10000, 'x')), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(whole.substr(0, 1000)), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(whole.substr(0, whole.size() / 2)), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(whole), std::nullopt);
  EXPECT_EQ(code_of(""), std::nullopt);  // empty: a new ledger
  int damage_found = 0;
  for (std::size_t byte = 0; byte < 100; ++byte) {
    std::string flipped = whole;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 0x40);
    const auto code = code_of(flipped);
    if (!code) continue;
    ++damage_found;
    EXPECT_TRUE(code == ErrorCode::kCorrupt || code == ErrorCode::kUnsupported ||
                code == ErrorCode::kDenied)
        << "byte " << byte << ": " << to_string(*code);
  }
  EXPECT_GT(damage_found, 20);
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    std::string flipped = whole;
    for (int i = 0; i < 64; ++i) flipped[100 + random() % (flipped.size() - 100)] ^= 0x11;
    const auto code = code_of(flipped);
    if (code) {
      EXPECT_TRUE(*code == ErrorCode::kCorrupt || *code == ErrorCode::kUnsupported)
          << to_string(*code);
    }
  }
}

TEST_F(StoreTest, NoticesThatItsFileWasRemoved) {
  Store store = open_store();
  EXPECT_FALSE(store.file_replaced());
  std::filesystem::remove(path_);
  EXPECT_TRUE(store.file_replaced());
}

}  // namespace
}  // namespace nines::ledger
