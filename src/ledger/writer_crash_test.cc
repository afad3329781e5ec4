// The property that the ledger stands on: a child emits and is killed, at random moments and at
// every FaultPoint of this room, and started again until it is done. Afterwards every record whose
// emit() returned is in the ledger exactly once.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "base/fault_point.h"
#include "ledger/reader.h"
#include "ledger/test_support.h"
#include "ledger/writer.h"

namespace nines::ledger {
namespace {

constexpr int kSteps = 60;
constexpr int kIntervalEvery = 4;  // steps: one unit goes down and up again

/// One line for each record whose emit() has returned; survives a kill, as a file does.
class Acknowledged {
 public:
  explicit Acknowledged(const std::string& path) : path_(path) {}
  void note(const std::string& id) const {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const std::string line = id + "\n";
    if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(9);
    ::close(fd);
  }
  std::set<std::string> ids() const {
    std::set<std::string> all;
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line);) all.insert(line);
    return all;
  }

 private:
  std::string path_;
};

class WriterCrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(dir_.file("run"));
    options_.database = dir_.file("ledger.db");
    options_.spool_directory = dir_.file("run");
    options_.host = testing::test_host();
    options_.batch_delay = std::chrono::microseconds(200);
    options_.notable_delay = options_.batch_delay;
    options_.retry_first = std::chrono::milliseconds(1);
    options_.heartbeat = std::chrono::milliseconds(1);
  }

  /// Emits what is not acknowledged yet. Exit code 0: all is committed.
  [[noreturn]] void child(const char* fault) const {
    // As ninesd does it: armed from the environment, early.
    ::setenv("NINES_FAULT", fault, 1);
    if (!fault::arm_from_environment()) ::_exit(3);
    const Acknowledged acknowledged(dir_.file("acknowledged"));
    const std::set<std::string> done = acknowledged.ids();
    auto writer = LedgerWriter::start(options_);
    if (!writer) ::_exit(2);
    for (int i = 0; i < kSteps; ++i) {
      const auto once = [&](const std::string& id, const auto& emit) {
        if (done.contains(id)) return;
        emit();
        acknowledged.note(id);
      };
      const std::string event = fmt::format("e{}", i);
      once(event, [&] { (*writer)->emit(testing::make_event(event, "unit.exit", "u", i)); });
      const int first = i - i % kIntervalEvery;
      const std::string interval = fmt::format("i{}", first);
      if (i == first) {
        once("open-" + interval, [&] { (*writer)->downtime(testing::opened(interval, first)); });
      } else if (i == first + 2) {
        once("close-" + interval,
             [&] { (*writer)->downtime(testing::closed(interval, first, i)); });
      }
      if (i % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    const bool flushed = (*writer)->flush(std::chrono::seconds(60)).has_value();
    writer->reset();
    ::_exit(flushed ? 0 : 4);
  }

  /// Runs one child. @return true: it came to its end.
  bool run_child(const char* fault, std::chrono::microseconds kill_after = {}) {
    const pid_t pid = ::fork();
    if (pid == 0) child(fault);
    if (kill_after.count() > 0) {
      std::this_thread::sleep_for(kill_after);
      ::kill(pid, SIGKILL);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
      EXPECT_EQ(WTERMSIG(status), SIGKILL);
      ++kills_;
      return false;
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return true;
  }

  void expect_exactly_once() {
    Reader reader = *Reader::open(options_.database);
    EventFilter filter;
    filter.kind = "unit.exit";
    filter.limit = 1'000'000;
    const std::vector<StoredEvent> events = *reader.events(filter);
    std::set<std::string> stored;
    for (const StoredEvent& one : events) EXPECT_TRUE(stored.insert(one.event.id).second);
    EXPECT_EQ(stored.size(), static_cast<std::size_t>(kSteps));
    const auto intervals = *reader.intervals("a.service", UtcTime{0}, UtcTime{INT64_MAX});
    ASSERT_EQ(intervals.size(), static_cast<std::size_t>(kSteps / kIntervalEvery));
    std::int64_t last_end = 0;
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      const DowntimeInterval& one = intervals[i].interval;
      EXPECT_EQ(one.id, fmt::format("i{}", i * kIntervalEvery));
      EXPECT_TRUE(one.closed);
      EXPECT_EQ(one.duration, std::chrono::seconds(2));
      EXPECT_GE(one.start.ns, last_end);
      EXPECT_EQ(intervals[i].note, "");
      last_end = one.end.ns;
    }
    Database database = *Database::open(options_.database, OpenMode::kReadOnly);
    Statement check = *database.prepare("PRAGMA integrity_check");
    auto rows = *check.query();
    ASSERT_TRUE(*rows.next());
    EXPECT_EQ(rows.bytes(0), "ok");
    for (const auto& entry : std::filesystem::directory_iterator(options_.spool_directory)) {
      EXPECT_NE(entry.path().extension(), ".seg");
    }
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      EXPECT_EQ(entry.path().filename().string().find(".corrupt-"), std::string::npos);
    }
  }

  testing::TempDir dir_;
  WriterOptions options_;
  int kills_ = 0;
};

TEST_F(WriterCrashTest, KilledAtRandomMoments) {
  std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> moment(1, 12'000);
  for (int i = 0; i < 60; ++i) {
    if (run_child("", std::chrono::microseconds(moment(random)))) break;
    // What had returned is in the spool or in the database, and nowhere half.
  }
  while (!run_child("")) {
  }
  EXPECT_GT(kills_, 0);
  expect_exactly_once();
}

class FaultTest : public WriterCrashTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(FaultTest, KilledAtEveryPass) {
  // Each child gets to a later pass than the one before, until one comes to its end.
  bool ended = false;
  for (int pass = 1; !ended && pass < 400; pass += 1 + pass / 4) {
    ended = run_child(fmt::format("{}:kill@{}", GetParam(), pass).c_str());
  }
  EXPECT_TRUE(ended);
  EXPECT_GT(kills_, 0);
  expect_exactly_once();
}

TEST_P(FaultTest, FailedAtEveryPassOnce) {
  for (int pass = 1; pass < 20; pass += 1 + pass / 3) {
    EXPECT_TRUE(run_child(fmt::format("{}:fail@{}", GetParam(), pass).c_str()));
  }
  expect_exactly_once();
}

INSTANTIATE_TEST_SUITE_P(Ledger, FaultTest,
                         ::testing::Values("spool_append", "spool_appended", "store_begin",
                                           "store_commit", "store_committed"),
                         [](const auto& point) { return std::string(point.param); });

TEST_F(WriterCrashTest, KilledWhileADamagedDatabaseIsSetAside) {
  testing::write_file(options_.database, std::string(20000, 'g'));
  testing::write_file(options_.database + "-wal", "its log");
  EXPECT_FALSE(run_child("quarantine_renamed:kill"));
  while (!run_child("")) {
  }
  std::size_t databases = 0;
  std::size_t logs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    const std::string name = entry.path().filename();
    if (name.find(".corrupt-") == std::string::npos || name.ends_with("-shm")) continue;
    const bool log = name.ends_with("-wal");
    databases += log ? 0 : 1;
    logs += log && testing::read_whole(entry.path()) == "its log" ? 1 : 0;
  }
  EXPECT_EQ(databases, 1U);
  EXPECT_EQ(logs, 1U);
  Reader reader = *Reader::open(options_.database);
  EventFilter filter;
  filter.kind = "unit.exit";
  EXPECT_EQ(reader.events(filter)->size(), static_cast<std::size_t>(kSteps));
  filter.kind = "ledger.quarantined";
  EXPECT_EQ(reader.events(filter)->size(), 1U);
}

}  // namespace
}  // namespace nines::ledger
