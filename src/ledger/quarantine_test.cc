#include "ledger/quarantine.h"

#include <gtest/gtest.h>

#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::read_whole;
using testing::TempDir;
using testing::write_file;

// 2026-11-22T22:08:01.123Z
constexpr UtcTime kWhen{1795385281123000000};

TEST(Quarantine, RenamesAllThreeAndDeletesNothing) {
  const TempDir dir;
  const std::string path = dir.file("ledger.db");
  for (const char* suffix : {"", "-wal", "-shm"}) write_file(path + suffix, suffix);
  const std::string aside = quarantine_name(path, kWhen);
  EXPECT_EQ(aside, path + ".corrupt-20261122T220801Z");
  ASSERT_TRUE(quarantine(path, aside).has_value());
  for (const char* suffix : {"", "-wal", "-shm"}) {
    EXPECT_FALSE(std::filesystem::exists(path + suffix));
    EXPECT_EQ(read_whole(aside + suffix), suffix);
  }
  EXPECT_EQ(quarantine_name(path, kWhen), aside + "-2");
}

TEST(Quarantine, AKillBetweenTheRenamesIsMadeGood) {
  const TempDir dir;
  const std::string path = dir.file("ledger.db");
  write_file(path + ".corrupt-20250101T000000Z", "older");
  write_file(path + ".corrupt-20261122T220801Z", "newest");
  write_file(path + "-wal", "its log");
  ASSERT_TRUE(finish_quarantine(path).has_value());
  EXPECT_EQ(read_whole(path + ".corrupt-20261122T220801Z-wal"), "its log");
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
}

TEST(Quarantine, WhatIsRepairedTakesThePlaceOfWhatIsSetAside) {
  const TempDir dir;
  const std::string path = dir.file("ledger.db");
  write_file(path + ".corrupt-20261122T220801Z", "damaged");
  write_file(path + "-wal", "its log");
  write_file(path + ".repaired", "repaired");
  ASSERT_TRUE(finish_quarantine(path).has_value());
  EXPECT_EQ(read_whole(path), "repaired");
  EXPECT_EQ(read_whole(path + ".corrupt-20261122T220801Z-wal"), "its log");
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  // Nothing was set aside yet: it is not its turn.
  write_file(path + ".repaired", "another");
  ASSERT_TRUE(finish_quarantine(path).has_value());
  EXPECT_EQ(read_whole(path), "repaired");
}

TEST(Quarantine, ALogWithoutAnyDatabaseIsKeptToo) {
  const TempDir dir;
  const std::string path = dir.file("ledger.db");
  write_file(path + "-wal", "its log");
  ASSERT_TRUE(finish_quarantine(path).has_value());
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  int kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    kept += read_whole(entry.path()) == "its log" ? 1 : 0;
  }
  EXPECT_EQ(kept, 1);
}

TEST(Quarantine, AHealthyLogIsLeftAlone) {
  const TempDir dir;
  const std::string path = dir.file("ledger.db");
  write_file(path, "db");
  write_file(path + "-wal", "its log");
  ASSERT_TRUE(finish_quarantine(path).has_value());
  EXPECT_EQ(read_whole(path + "-wal"), "its log");
}

}  // namespace
}  // namespace nines::ledger
