#include "daemon/crash_record.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/test_directory.h"

namespace nines::daemon {
namespace {

CrashOrigin example() {
  CrashOrigin origin;
  origin.id = "01a2188fd898b52d226440597e9ee655";
  origin.unit = "redis.service";
  origin.cause = "abc-unit.exit";
  origin.watchdog = "no WATCHDOG=1 within 3 s";
  origin.log = "/var/log/nines/redis.service.log";
  origin.gone = crash::GoneProcess{4711, 9, "/usr/bin/redis-server", {"a", "b"}, "/srv"};
  origin.pid = 4711;
  origin.dumpable = 2;
  origin.policy = {crash::CoreWish::kFull, Bytes{77}, true, false, true};
  origin.time.ns = 123;
  origin.since_boot.ns = 456;
  return origin;
}

class CrashRecord : public testing::Test {
 protected:
  CrashRecord() { EXPECT_TRUE(records_.open()); }
  sys::TestDirectory directory_;
  CrashRecords records_{directory_.path() + "/crashes"};
};

TEST_F(CrashRecord, TellsOfWhomAndWhetherAnybodyStillWorks) {
  auto file = records_.begin(example());
  ASSERT_TRUE(file);
  EXPECT_EQ(records_.unfinished(), std::vector<std::string>{example().id});
  EXPECT_EQ(records_.take_over(example().id).error().code(), ErrorCode::kBusy);
  EXPECT_EQ(records_.begin(example()).error().code(), ErrorCode::kExists);
  file->reset();
  EXPECT_TRUE(records_.take_over(example().id));
  const auto read = records_.read(example().id);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->origin.unit, "redis.service");
  EXPECT_EQ(read->origin.cause, "abc-unit.exit");
  EXPECT_EQ(read->origin.watchdog, "no WATCHDOG=1 within 3 s");
  EXPECT_EQ(read->origin.log, example().log);
  ASSERT_TRUE(read->origin.gone);
  EXPECT_EQ(crash::words_of(*read->origin.gone), crash::words_of(*example().gone));
  EXPECT_EQ(read->origin.pid, 4711);
  EXPECT_EQ(read->origin.dumpable, 2);
  EXPECT_EQ(read->origin.policy.wish, crash::CoreWish::kFull);
  EXPECT_EQ(read->origin.policy.limit, Bytes{77});
  EXPECT_TRUE(read->origin.policy.successor_waits);
  EXPECT_FALSE(read->origin.policy.successor_serves);
  EXPECT_TRUE(read->origin.policy.kill_after_minimal);
  EXPECT_EQ(read->origin.time.ns, 123);
  EXPECT_EQ(read->origin.since_boot.ns, 456);
  EXPECT_FALSE(read->outcome) << "nothing was said";
  records_.remove(example().id);
  EXPECT_TRUE(records_.unfinished().empty());
}

TEST_F(CrashRecord, HasWhatNinesCrashSays) {
  auto file = records_.begin(example());
  ASSERT_TRUE(file);
  crash::Outcome outcome;
  outcome.pid = 4711;
  outcome.program = "redis-server";
  const std::string line = crash::encode(outcome);
  ASSERT_EQ(::write(file->get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
  const auto read = records_.read(example().id);
  ASSERT_TRUE(read && read->outcome);
  EXPECT_EQ(read->outcome->program, "redis-server");
}

TEST_F(CrashRecord, HalfALineIsNothing) {
  auto file = records_.begin(example());
  const std::string line = crash::encode({}).substr(0, 40);
  ASSERT_EQ(::write(file->get(), line.data(), line.size()), 40);
  const auto read = records_.read(example().id);
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->outcome);
  EXPECT_EQ(read->origin.pid, 4711);
}

TEST_F(CrashRecord, LeavesAloneWhatIsNone) {
  directory_.write("crashes/README", "not ours");
  EXPECT_TRUE(records_.unfinished().empty());
  directory_.write("crashes/" + example().id, "");
  const auto read = records_.read(example().id);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->origin.pid, 0);
  EXPECT_FALSE(read->outcome);
}

}  // namespace
}  // namespace nines::daemon
