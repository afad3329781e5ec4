#include "ledger/spool.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault_point.h"
#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::make_event;
using testing::opened;
using testing::TempDir;

SpoolOptions options_in(const TempDir& dir) {
  SpoolOptions options;
  options.directory = dir.path();
  options.boot_id = "boot-1";
  return options;
}

/// Ids of everything in the spool, in order.
std::vector<std::string> drain_ids(Spool* spool) {
  spool->seal();
  std::vector<std::string> ids;
  for (const Spool::Segment& segment : spool->sealed()) {
    const auto content = spool->read(segment);
    EXPECT_TRUE(content.has_value());
    EXPECT_EQ(content->boot_id, "boot-1");
    for (const Record& record : content->records) {
      ids.push_back(std::visit([](const auto& value) { return value.id; }, record));
    }
  }
  return ids;
}
using Ids = std::vector<std::string>;

TEST(Spool, KeepsTheOrderAndForgetsWhatIsRemoved) {
  const TempDir dir;
  const auto spool = *Spool::open(options_in(dir));
  EXPECT_EQ(spool->append(make_event("a")), Spool::Kept::kFile);
  EXPECT_EQ(spool->append(opened("b", 1)), Spool::Kept::kFile);
  spool->seal();
  EXPECT_EQ(spool->append(make_event("c")), Spool::Kept::kFile);
  EXPECT_EQ(spool->backlog().records, 3U);
  EXPECT_EQ(drain_ids(spool.get()), (Ids{"a", "b", "c"}));
  ASSERT_TRUE(spool->remove(spool->sealed().front()).has_value());
  EXPECT_EQ(spool->backlog().records, 1U);
  EXPECT_EQ(drain_ids(spool.get()), Ids{"c"});
  ASSERT_TRUE(spool->remove(spool->sealed().front()).has_value());
  EXPECT_EQ(spool->backlog().bytes, 0U);
  spool->seal();
  EXPECT_TRUE(spool->sealed().empty());
}

TEST(Spool, TheNextSegmentIsThereBeforeItIsNeeded) {
  const TempDir dir;
  const auto segments = [&dir] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
      if (entry.path().extension() == ".seg") names.push_back(entry.path().filename());
    }
    return names;
  };
  auto spool = *Spool::open(options_in(dir));
  EXPECT_TRUE(segments().empty());
  spool->append(make_event("a"));
  spool->seal();
  const auto both = segments();
  EXPECT_EQ(both.size(), 2U);
  spool->append(make_event("b"));
  EXPECT_THAT(segments(), ::testing::UnorderedElementsAreArray(both));
  spool->seal();
  for (const auto& sealed : spool->sealed()) ASSERT_TRUE(spool->remove(sealed).has_value());
  EXPECT_EQ(segments().size(), 1U);
  spool.reset();
  EXPECT_TRUE(segments().empty()) << "an empty one is left to nobody";
}

TEST(Spool, ASuccessorFindsWhatWasLeft) {
  const TempDir dir;
  {
    const auto spool = *Spool::open(options_in(dir));
    for (int i = 0; i < 3; ++i) spool->append(make_event(fmt::format("{}", i)));
  }
  // What a kill in the middle of a write leaves, and what others may put there.
  testing::write_file(dir.file("spool-000000000002.seg"), "NSP1torn");
  testing::write_file(dir.file("spool-x.seg"), "not ours");
  testing::write_file(dir.file("notes.txt"), "not ours");
  const auto spool = *Spool::open(options_in(dir));
  EXPECT_EQ(spool->backlog().records, 3U);
  spool->append(make_event("new"));
  spool->seal();
  ASSERT_EQ(spool->sealed().size(), 3U);
  EXPECT_EQ(spool->read(spool->sealed()[0])->records.size(), 3U);
  EXPECT_EQ(spool->read(spool->sealed()[1])->skipped_bytes, 8U);
  EXPECT_EQ(spool->sealed()[2].number, 3U);
  EXPECT_TRUE(std::filesystem::exists(dir.file("notes.txt")));
}

TEST(Spool, ASecondProcessIsRefusedAndToldWhoHasIt) {
  const TempDir dir;
  const auto spool = *Spool::open(options_in(dir));
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = Spool::open(options_in(dir));
    const bool right = !second && second.error().code() == ErrorCode::kBusy &&
                       second.error().detail() == fmt::format("process {} has it", parent);
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Spool, BoundsDropInfoFirstAndIntervalsLast) {
  const TempDir dir;
  SpoolOptions options = options_in(dir);
  options.limit = 8_KiB;
  options.segment = 1_KiB;
  const auto spool = *Spool::open(options);
  const auto fill = [&spool](const Record& record) {
    int kept = 0;
    while (spool->append(record) == Spool::Kept::kFile) ++kept;
    return kept;
  };
  Event warning = make_event("w");
  warning.severity = Severity::kWarning;
  EXPECT_GT(fill(make_event("i")), 0);
  EXPECT_LE(spool->backlog().bytes, 8192U);
  EXPECT_GT(fill(warning), 0);
  EXPECT_LE(spool->backlog().bytes, 8192U * 5 / 4);
  EXPECT_GT(fill(opened("d", 1)), 0);
  EXPECT_LE(spool->backlog().bytes, 8192U * 3 / 2);
  EXPECT_EQ(spool->append(make_event("i")), Spool::Kept::kDropped);
  EXPECT_EQ(spool->drops().info_events, 2U);
  EXPECT_EQ(spool->drops().notable_events, 1U);
  EXPECT_EQ(spool->drops().intervals, 1U);
  spool->seal();
  EXPECT_GT(spool->sealed().size(), 7U);  // segments are of bounded size
  for (const Spool::Segment& segment : spool->sealed()) {
    EXPECT_LE(segment.bytes, 1024U);
    ASSERT_TRUE(spool->remove(segment).has_value());
  }
  EXPECT_EQ(spool->append(make_event("i")), Spool::Kept::kFile);
}

TEST(Spool, WhatTheDirectoryTakesNotIsHeldInMemory) {
  const TempDir dir;
  SpoolOptions options = options_in(dir);
  options.memory_records = 2;
  const auto spool = *Spool::open(options);
  ASSERT_TRUE(fault::arm("spool_append:fail@*").has_value());
  EXPECT_EQ(spool->append(make_event("a")), Spool::Kept::kMemory);
  EXPECT_EQ(spool->append(make_event("b")), Spool::Kept::kMemory);
  EXPECT_EQ(spool->append(make_event("c")), Spool::Kept::kDropped);
  EXPECT_FALSE(spool->trouble().empty());
  ASSERT_TRUE(fault::arm("").has_value());
  EXPECT_EQ(spool->append(make_event("d")), Spool::Kept::kFile);
  EXPECT_TRUE(spool->trouble().empty());
  ASSERT_EQ(spool->memory().size(), 2U);
  spool->drop_memory(1);
  EXPECT_EQ(std::get<Event>(spool->memory().front()).id, "b");
  spool->drop_memory(5);
  EXPECT_TRUE(spool->memory().empty());
  EXPECT_EQ(drain_ids(spool.get()), Ids{"d"});
}

TEST(Spool, WithoutADirectoryAllIsInMemory) {
  const auto spool = Spool::in_memory({});
  EXPECT_EQ(spool->append(make_event("a")), Spool::Kept::kMemory);
  EXPECT_EQ(spool->backlog().in_memory, 1U);
  spool->seal();
  EXPECT_TRUE(spool->sealed().empty());
}

TEST(Spool, MissingDirectoryIsAnError) {
  SpoolOptions options;
  options.directory = "/no/such/directory";
  EXPECT_EQ(Spool::open(options).error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace nines::ledger
