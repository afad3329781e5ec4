#include "ledger/writer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/fault_point.h"
#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::closed;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::make_event;
using testing::opened;

constexpr Nanoseconds kLong = std::chrono::seconds(60);

class WriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(dir_.file("state"));
    std::filesystem::create_directory(dir_.file("run"));
    options_.database = dir_.file("state/ledger.db");
    options_.spool_directory = dir_.file("run");
    options_.host = testing::test_host();
    options_.batch_delay = std::chrono::milliseconds(5);
    options_.notable_delay = options_.batch_delay;
    options_.retry_first = std::chrono::milliseconds(5);
    options_.retry_max = std::chrono::milliseconds(50);
  }
  void TearDown() override { ASSERT_TRUE(fault::arm("").has_value()); }

  std::unique_ptr<LedgerWriter> start() {
    auto writer = LedgerWriter::start(options_);
    EXPECT_TRUE(writer.has_value()) << writer.error().message();
    return std::move(*writer);
  }
  std::vector<StoredEvent> events(const std::string& kind = {}) {
    EventFilter filter;
    filter.kind = kind;
    filter.limit = 1'000'000;
    auto found = Reader::open(options_.database)->events(filter);
    return found ? std::move(*found) : std::vector<StoredEvent>();
  }
  std::size_t files_in(const std::string& name, const std::string& containing) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.file(name))) {
      if (entry.path().filename().string().find(containing) != std::string::npos) ++count;
    }
    return count;
  }
  /// Waits for the writer's thread to have seen what was done to it.
  static void wait_until_degraded(const LedgerWriter& writer) {
    while (!writer.health().degraded) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  testing::TempDir dir_;
  WriterOptions options_;
};

TEST_F(WriterTest, AnOutageThatCannotBeRecordedIsReported) {
  {
    Store store = std::move(*Store::open(options_.database, {"machine-1", "host-1", "earlier"}));
    ASSERT_TRUE(store.heartbeat(UtcTime{(std::int64_t{1} << 62) + 1000}, BootTime{1}));
  }
  const auto writer = start();
  ASSERT_TRUE(writer->flush(kLong).has_value());
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events("ledger.refused").size(), 1U);
}

TEST_F(WriterTest, WhatWasEmittedIsCommittedAndTheSpoolIsTrimmed) {
  const auto writer = start();
  writer->emit(make_event("e"));
  writer->downtime(opened("i", 1));
  writer->downtime(closed("i", 1, 3));
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events().size(), 1U);
  Reader reader = *Reader::open(options_.database);
  EXPECT_EQ(reader.intervals("a.service", UtcTime{0}, UtcTime{INT64_MAX})->size(), 1U);
  EXPECT_TRUE(reader.open_intervals()->empty());
  EXPECT_EQ(writer->health().waiting_records, 0U);
  EXPECT_EQ(files_in("run", ".seg"), 1U) << "the next one, empty";
  EXPECT_EQ(writer->health().text, "ok");
  EXPECT_FALSE(writer->health().degraded);
}

TEST_F(WriterTest, WithoutAFlushItIsCommittedSoon) {
  const auto writer = start();
  std::mutex mutex;
  std::condition_variable committed;
  std::size_t count = 0;
  writer->set_on_committed([&](const CommittedBatch& batch) {
    const std::lock_guard guard(mutex);
    count += batch.events_new;
    committed.notify_one();
  });
  writer->emit(make_event("e"));
  std::unique_lock lock(mutex);
  committed.wait(lock, [&] { return count > 0; });
  lock.unlock();
  writer->set_on_committed({});
  EXPECT_EQ(events().size(), 1U);
}

TEST_F(WriterTest, NotableRecordsDoNotWaitForTheBatchAndTakeTheOthersAlong) {
  options_.batch_delay = std::chrono::hours(1);
  const auto writer = start();
  Event warning = make_event("w");
  warning.severity = Severity::kWarning;
  for (const Record& notable : {Record(opened("i", 1)), Record(warning)}) {
    writer->emit(make_event(new_id()));
    if (const auto* event = std::get_if<Event>(&notable)) writer->emit(*event);
    if (const auto* interval = std::get_if<DowntimeInterval>(&notable)) writer->downtime(*interval);
    // Ends only if it is committed long before the batch delay.
    while (writer->health().waiting_records > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  EXPECT_EQ(events().size(), 3U);
}

TEST_F(WriterTest, TheEndCommitsTheRest) {
  options_.batch_delay = std::chrono::hours(1);
  start()->emit(make_event("e"));
  EXPECT_EQ(files_in("state", "-wal"), 0U);  // one whole file is left
  EXPECT_EQ(events().size(), 1U);
}

TEST_F(WriterTest, ObserversSeeEventsWhenTheyAreEmitted) {
  options_.batch_delay = std::chrono::hours(1);
  const auto writer = start();
  std::vector<std::string> seen;
  const auto self = std::this_thread::get_id();
  writer->set_observer([&](const Event& event) {
    if (std::this_thread::get_id() == self) seen.push_back(event.id);
  });
  writer->emit(make_event("e"));
  EXPECT_EQ(seen, std::vector<std::string>{"e"});
  writer->set_observer({});
  writer->emit(make_event("f"));
  EXPECT_EQ(seen.size(), 1U);
}

TEST_F(WriterTest, ManyThreadsEmitAtOnce) {
  const auto writer = start();
  std::atomic<int> observed{0};
  writer->set_observer([&](const Event&) { ++observed; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&writer, t] {
      for (int i = 0; i < 500; ++i) {
        writer->emit(make_event(fmt::format("{}-{}", t, i), "unit.exit", fmt::format("u{}", t)));
        if (i % 100 == 0) (void)writer->health();
      }
    });
  }
  (void)writer->flush(kLong).has_value();
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events("unit.exit").size(), 2000U);
  EXPECT_EQ(observed, 2000);
}

TEST_F(WriterTest, AFormerProcessesSpoolIsReplayedUnderItsBoot) {
  {
    SpoolOptions former;
    former.directory = options_.spool_directory;
    former.boot_id = "boot-0";
    const auto spool = *Spool::open(former);
    spool->append(make_event("old"));
  }
  const auto writer = start();
  writer->emit(make_event("new"));
  ASSERT_TRUE(writer->flush(kLong).has_value());
  Reader reader = *Reader::open(options_.database);
  EXPECT_EQ(reader.event("old")->boot_id, "boot-0");
  EXPECT_EQ(reader.event("new")->boot_id, "boot-1");
  EXPECT_LT(reader.event("old")->seq, reader.event("new")->seq);
}

TEST_F(WriterTest, EveryFailureIsRetriedAndNothingIsLostOrDoubled) {
  for (const char* point : {"spool_append", "store_begin", "store_commit"}) {
    const auto writer = start();
    ASSERT_TRUE(fault::arm(fmt::format("{}:fail@2", point)).has_value());
    for (int i = 0; i < 20; ++i) {
      writer->emit(make_event(fmt::format("{}-{}", point, i), point));
      ASSERT_TRUE(writer->flush(kLong).has_value());
    }
    ASSERT_TRUE(fault::arm("").has_value());
    EXPECT_EQ(events(point).size(), 20U) << point;
    EXPECT_FALSE(writer->health().degraded);
  }
  EXPECT_EQ(events("ledger.degraded").size(), 2U);  // the spool's failure is not the database's
}

TEST_F(WriterTest, WhileDegradedItSaysSoAndRecordsWait) {
  const auto writer = start();
  ASSERT_TRUE(writer->flush(kLong).has_value());
  ASSERT_TRUE(fault::arm("store_begin:fail@*").has_value());
  writer->emit(make_event("e"));
  wait_until_degraded(*writer);
  const LedgerHealth health = writer->health();
  EXPECT_THAT(health.text, HasSubstr("degraded"));
  EXPECT_THAT(health.text, HasSubstr("records waiting"));
  EXPECT_EQ(health.code, ErrorCode::kInjected);
  EXPECT_GE(health.waiting_records, 1U);
  EXPECT_EQ(writer->flush(std::chrono::milliseconds(20)).error().code(), ErrorCode::kTimeout);
  ASSERT_TRUE(fault::arm("").has_value());
  ASSERT_TRUE(writer->flush(kLong).has_value());
  ASSERT_TRUE(writer->flush(kLong).has_value());  // for "ledger.recovered" itself
  EXPECT_EQ(events("unit.exit").size(), 1U);
  EXPECT_EQ(events("ledger.degraded").size(), 1U);
  EXPECT_EQ(events("ledger.recovered").size(), 1U);
  EXPECT_EQ(writer->health().text, "ok");
}

TEST_F(WriterTest, WithoutADatabaseDirectoryItGoesOnWithTheSpool) {
  std::filesystem::remove(dir_.file("state"));
  {
    const auto writer = start();
    writer->emit(make_event("e"));
    wait_until_degraded(*writer);
    EXPECT_EQ(writer->health().code, ErrorCode::kNotFound);
    EXPECT_THAT(writer->health().text, HasSubstr(options_.database));
  }
  EXPECT_EQ(files_in("run", ".seg"), 1U);
  std::filesystem::create_directory(dir_.file("state"));
  const auto writer = start();
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events("unit.exit").size(), 1U);
}

TEST_F(WriterTest, WithoutASpoolDirectoryItGoesOnInMemory) {
  options_.spool_directory = dir_.file("none");
  const auto writer = start();
  writer->emit(make_event("e"));
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events("unit.exit").size(), 1U);
  EXPECT_TRUE(writer->health().degraded);
  EXPECT_THAT(writer->health().text, HasSubstr("in memory only"));
}

TEST_F(WriterTest, ADamagedDatabaseIsSetAsideAndANewOneGoesOn) {
  {
    const auto writer = start();
    for (int i = 0; i < 500; ++i) writer->emit(make_event(fmt::format("old{}", i)));
    ASSERT_TRUE(writer->flush(kLong).has_value());
  }
  const std::string whole = testing::read_whole(options_.database);
  std::string bad_header = whole;
  bad_header[3] = static_cast<char>(bad_header[3] ^ 1);
  const std::vector<std::string> damages = {std::string(20000, 'g'), bad_header,
                                            whole.substr(0, whole.size() / 2), "short"};
  std::set<std::string> asides;
  for (const std::string& damage : damages) {
    testing::write_file(options_.database, damage);
    const auto writer = start();
    writer->emit(make_event("new"));
    ASSERT_TRUE(writer->flush(kLong).has_value());
    EXPECT_TRUE(asides.insert(writer->health().quarantined).second);  // a name of its own
    EXPECT_EQ(testing::read_whole(writer->health().quarantined), damage);
    EXPECT_EQ(events("unit.exit").size(), 1U);
    ASSERT_EQ(events("ledger.quarantined").size(), 1U);
    EXPECT_THAT(events("ledger.quarantined").front().event.detail_json,
                HasSubstr(writer->health().quarantined));
    EXPECT_FALSE(writer->health().degraded);
  }
  for (const std::string& aside : asides) EXPECT_TRUE(std::filesystem::exists(aside));
}

TEST_F(WriterTest, ANewerDatabaseIsNotTouched) {
  {
    const auto writer = start();
    ASSERT_TRUE(writer->flush(kLong).has_value());
  }
  {
    Database database = *Database::open(options_.database, OpenMode::kReadWriteCreate);
    ASSERT_TRUE(database.execute("PRAGMA user_version = 99").has_value());
  }
  const auto writer = start();
  writer->emit(make_event("e"));
  wait_until_degraded(*writer);
  EXPECT_EQ(writer->health().code, ErrorCode::kUnsupported);
  EXPECT_EQ(files_in("state", ".corrupt-"), 0U);
}

TEST_F(WriterTest, ARemovedDatabaseIsBegunAnew) {
  const auto writer = start();
  writer->emit(make_event("e"));
  ASSERT_TRUE(writer->flush(kLong).has_value());
  std::filesystem::remove(options_.database);
  writer->emit(make_event("f"));
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events("unit.exit").size(), 1U);
}

TEST_F(WriterTest, DropsAreCountedAndReported) {
  options_.spool_limit = 4_KiB;
  const auto writer = start();
  ASSERT_TRUE(writer->flush(kLong).has_value());
  ASSERT_TRUE(fault::arm("store_begin:fail@*").has_value());
  for (int i = 0; i < 200; ++i) writer->emit(make_event(fmt::format("{}", i)));
  const std::uint64_t dropped = writer->health().dropped.info_events;
  EXPECT_GT(dropped, 0U);
  ASSERT_TRUE(fault::arm("").has_value());
  ASSERT_TRUE(writer->flush(kLong).has_value());
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events("unit.exit").size(), 200 - dropped);
  ASSERT_EQ(events("ledger.dropped").size(), 1U);
  EXPECT_THAT(events("ledger.dropped").front().event.detail_json,
              HasSubstr(fmt::format("\"info_events\":{}", dropped)));
}

TEST_F(WriterTest, RefusedRecordsDoNotStopTheOthers) {
  const auto writer = start();
  writer->downtime(closed("backwards", 9, 3));
  writer->emit(make_event("e"));
  ASSERT_TRUE(writer->flush(kLong).has_value());
  ASSERT_TRUE(writer->flush(kLong).has_value());
  EXPECT_EQ(events("unit.exit").size(), 1U);
  EXPECT_EQ(events("ledger.refused").size(), 1U);
  EXPECT_EQ(writer->health().waiting_records, 0U);
}

TEST_F(WriterTest, HeartbeatsAreWritten) {
  options_.heartbeat = std::chrono::milliseconds(1);
  const auto writer = start();
  ASSERT_TRUE(writer->flush(kLong).has_value());
  const auto beat = [this] {
    return Reader::open(options_.database)->boots()->front().last_heartbeat.value_or(UtcTime{0});
  };
  const UtcTime first = beat();
  EXPECT_GT(first.ns, 0);
  while (beat() <= first) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace nines::ledger
