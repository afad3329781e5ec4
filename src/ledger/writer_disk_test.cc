// Full and read-only file systems, for real: a small tmpfs in a mount namespace of a child's own.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "ledger/reader.h"
#include "ledger/test_support.h"
#include "ledger/writer.h"

namespace nines::ledger {
namespace {

constexpr Nanoseconds kLong = std::chrono::seconds(60);

/// Mounts are private to us, and a tmpfs is at `path`.
bool enter_namespace(const std::string& path, const char* size) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", path.c_str(), "tmpfs", 0, size) == 0;
}
bool remount(const std::string& path, unsigned long flags, const char* options) {
  return ::mount("tmpfs", path.c_str(), "tmpfs", MS_REMOUNT | flags, options) == 0;
}

/// True when this process may do what enter_namespace() does.
bool may_mount() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::unshare(CLONE_NEWNS) == 0 ? 0 : 1);
  int status = 1;
  return ::waitpid(pid, &status, 0) == pid && status == 0;
}

#define CHILD_EXPECT(condition)                                  \
  do {                                                           \
    if (condition) break;                                        \
    std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
    std::fflush(stderr);                                         \
    ::_exit(1);                                                  \
  } while (false)

class WriterDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(dir_.file("state"));
    std::filesystem::create_directory(dir_.file("run"));
    options_.database = dir_.file("state/ledger.db");
    options_.spool_directory = dir_.file("run");
    options_.host = testing::test_host();
    options_.batch_delay = std::chrono::milliseconds(1);
    options_.notable_delay = options_.batch_delay;
    options_.retry_first = std::chrono::milliseconds(1);
    options_.retry_max = std::chrono::milliseconds(20);
  }
  template <typename Body>
  void in_child(const Body& body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      body();
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  std::size_t stored(const std::string& kind) {
    EventFilter filter;
    filter.kind = kind;
    filter.limit = 1'000'000;
    const auto found = Reader::open(options_.database)->events(filter);
    return found ? found->size() : 0;
  }
  static void wait_until_degraded(const LedgerWriter& writer) {
    while (!writer.health().degraded) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  testing::TempDir dir_;
  WriterOptions options_;
};

Event bulky(int i) {
  Event event = testing::make_event(fmt::format("e{}", i), "unit.exit", "u", i);
  event.detail_json = fmt::format(R"({{"text":"{}"}})", std::string(2000, 'x'));
  return event;
}

TEST_F(WriterDiskTest, AFullDiskIsWaitedFor) {
  NINES_SKIP_WITHOUT("mount-namespace", may_mount());
  in_child([this] {
    CHILD_EXPECT(enter_namespace(dir_.file("state"), "size=400k"));
    auto writer = std::move(*LedgerWriter::start(options_));
    int count = 0;
    while (!writer->health().degraded) {
      writer->emit(bulky(count++));
      CHILD_EXPECT(count < 100'000);
    }
    writer->emit(bulky(count++));
    writer->downtime(testing::closed("i", 1, 2));
    CHILD_EXPECT(writer->health().code == ErrorCode::kNoSpace);
    CHILD_EXPECT(writer->health().text.find("records waiting") != std::string::npos);
    CHILD_EXPECT(writer->health().in_memory == 0);
    CHILD_EXPECT(remount(dir_.file("state"), 0, "size=256m"));
    CHILD_EXPECT(writer->flush(kLong).has_value());
    CHILD_EXPECT(writer->flush(kLong).has_value());
    CHILD_EXPECT(!writer->health().degraded);
    CHILD_EXPECT(writer->health().dropped.total() == 0);
    CHILD_EXPECT(stored("unit.exit") == static_cast<std::size_t>(count));
    CHILD_EXPECT(stored("ledger.degraded") >= 1);
    CHILD_EXPECT(stored("ledger.recovered") >= 1);
    CHILD_EXPECT(stored("ledger.quarantined") == 0);
    writer.reset();
  });
}

TEST_F(WriterDiskTest, AFullSpoolIsTakenToMemory) {
  NINES_SKIP_WITHOUT("mount-namespace", may_mount());
  in_child([this] {
    CHILD_EXPECT(enter_namespace(dir_.file("run"), "size=16k"));
    options_.database = dir_.file("later/ledger.db");
    auto writer = std::move(*LedgerWriter::start(options_));
    constexpr int kCount = 40;
    for (int i = 0; i < kCount; ++i) writer->emit(bulky(i));
    CHILD_EXPECT(writer->health().in_memory > 0);
    CHILD_EXPECT(writer->health().text.find("in memory only") != std::string::npos);
    std::filesystem::create_directory(dir_.file("later"));
    CHILD_EXPECT(writer->flush(kLong).has_value());
    CHILD_EXPECT(stored("unit.exit") == kCount);
    writer->emit(bulky(kCount));
    CHILD_EXPECT(writer->flush(kLong).has_value());
    CHILD_EXPECT(!writer->health().degraded);
    writer.reset();
  });
}

TEST_F(WriterDiskTest, AReadOnlyDirectoryIsWaitedFor) {
  NINES_SKIP_WITHOUT("mount-namespace", may_mount());
  in_child([this] {
    CHILD_EXPECT(enter_namespace(dir_.file("state"), "size=16m"));
    CHILD_EXPECT(remount(dir_.file("state"), MS_RDONLY, nullptr));
    auto writer = std::move(*LedgerWriter::start(options_));
    writer->emit(bulky(0));
    wait_until_degraded(*writer);
    CHILD_EXPECT(writer->health().code == ErrorCode::kDenied);
    CHILD_EXPECT(remount(dir_.file("state"), 0, nullptr));
    CHILD_EXPECT(writer->flush(kLong).has_value());
    CHILD_EXPECT(stored("unit.exit") == 1);
    writer.reset();
  });
}

}  // namespace
}  // namespace nines::ledger
