// A power cut: what was written after the last fsync is there up to some page, or not at all. The
// files are cut at every page (and inside pages) between one commit and the next. Whatever is left,
// no committed interval is lost, none is there by half, none overlap, and check() finds nothing.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "ledger/check.h"
#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

constexpr int kCommits = 12;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kWalHeader = 32;  // @source https://www.sqlite.org/fileformat2.html 4.1
constexpr std::size_t kFrame = 24 + kPage;

class PowerCutTest : public ::testing::Test {
 protected:
  /// What one commit holds: an interval opens, or the last one closes; with its event.
  static std::vector<Record> batch(int number) {
    const int pair = number / 2;
    const std::string id = fmt::format("i{}", pair);
    if (number % 2 == 0) {
      DowntimeInterval down = testing::opened(id, pair * 10);
      down.cause_event = fmt::format("exit{}", pair);
      return {testing::make_event(down.cause_event, "unit.exit", "a.service", pair * 10), down};
    }
    return {
        testing::make_event(fmt::format("ready{}", pair), "unit.ready", "a.service", pair * 10 + 4),
        testing::closed(id, pair * 10, pair * 10 + 4)};
  }

  /// Of the files as they are left: the next start, and what it finds.
  void expect_state_of(int commits, const std::string& database, const std::string& log,
                       const std::string& what) {
    const testing::TempDir dir;
    const std::string path = dir.file("ledger.db");
    testing::write_file(path, database);
    if (!log.empty()) testing::write_file(path + "-wal", log);
    ASSERT_TRUE(Store::open(path, testing::test_host())) << what;
    const auto findings = check(path);
    ASSERT_TRUE(findings) << what;
    EXPECT_TRUE(findings->empty()) << what << ": " << findings->front().detail;
    Reader reader = *Reader::open(path);
    const auto down = *reader.intervals("a.service", UtcTime{0}, UtcTime{INT64_MAX});
    ASSERT_EQ(down.size(), static_cast<std::size_t>((commits + 1) / 2)) << what;
    std::int64_t free_from = 0;
    for (std::size_t i = 0; i < down.size(); ++i) {
      const DowntimeInterval& one = down[i].interval;
      EXPECT_EQ(one.id, fmt::format("i{}", i)) << what;
      EXPECT_EQ(one.closed, static_cast<int>(i) * 2 + 1 < commits) << what;
      EXPECT_GE(one.start.ns, free_from) << what;
      free_from = one.end.ns;
    }
    EventFilter all;
    EXPECT_EQ(reader.events(all)->size(), static_cast<std::size_t>(commits)) << what;
  }

  testing::TempDir dir_;
  std::string path_ = dir_.file("ledger.db");
};

TEST_F(PowerCutTest, TheLogIsCutAtEveryPageAfterTheLastFsync) {
  Store store = std::move(*Store::open(path_, testing::test_host()));
  const std::string database = testing::read_whole(path_);
  std::vector<std::size_t> synced = {std::filesystem::file_size(path_ + "-wal")};
  for (int i = 0; i < kCommits; ++i) {
    ASSERT_TRUE(store.apply(batch(i)));
    synced.push_back(std::filesystem::file_size(path_ + "-wal"));
  }
  // Nothing was moved into the database meanwhile: all of it is in the log.
  ASSERT_EQ(testing::read_whole(path_), database);
  const std::string log = testing::read_whole(path_ + "-wal");
  int cuts = 0;
  for (int i = 0; i < kCommits; ++i) {
    const std::size_t from = synced[static_cast<std::size_t>(i)];
    const std::size_t to = synced[static_cast<std::size_t>(i) + 1];
    ASSERT_GT(to, from);
    for (std::size_t cut = from; cut < to; cut += kFrame) {
      expect_state_of(i, database, log.substr(0, cut), fmt::format("cut at {}", cut));
      expect_state_of(i, database, log.substr(0, cut + kFrame / 2),
                      fmt::format("cut inside of a page at {}", cut));
      // The file system had made room, and the page itself never came.
      std::string hole = log.substr(0, to);
      hole.replace(cut, std::min(kFrame, to - cut), std::string(std::min(kFrame, to - cut), '\0'));
      expect_state_of(i, database, hole, fmt::format("hole at {}", cut));
      ++cuts;
    }
  }
  EXPECT_GE(cuts, kCommits);
  expect_state_of(kCommits, database, log, "whole");
}

TEST_F(PowerCutTest, TheDatabaseIsCutWhileTheLogIsMovedIntoIt) {
  std::string before, log;
  {
    Store store = std::move(*Store::open(path_, testing::test_host()));
    for (int i = 0; i < kCommits; ++i) ASSERT_TRUE(store.apply(batch(i)));
    before = testing::read_whole(path_);
    log = testing::read_whole(path_ + "-wal");
    store.close_in_order();
  }
  const std::string after = testing::read_whole(path_);
  ASSERT_GT(log.size(), kWalHeader);
  // The log is synced before and removed after; in between each page is there, or still the old
  // one.
  const std::size_t pages = std::max(before.size(), after.size()) / kPage;
  for (std::size_t done = 0; done <= pages; ++done) {
    std::string mixed = after.substr(0, done * kPage);
    if (before.size() > mixed.size()) mixed += before.substr(mixed.size());
    expect_state_of(kCommits, mixed, log, fmt::format("{} pages moved", done));
  }
  expect_state_of(kCommits, after, "", "all moved");
}

}  // namespace
}  // namespace nines::ledger
