#include "sys/procfs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "sys/file.h"
#include "sys/test_child.h"

namespace nines::sys {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kTail =
    " 1 77 77 0 -1 4194560 120 0 3 0 41 17 0 0 20 0 3 0 123456 8658944 512 18446744073709551615 1 "
    "1 "
    "0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

TEST(ParseProcessStat, ReadsTheDocumentedFields) {
  const auto stat = parse_process_stat(std::string("77 (nginx) S") + kTail);
  ASSERT_TRUE(stat.has_value()) << stat.error().message();
  EXPECT_EQ(stat->id, (ProcessId{77, StartTime{123456}}));
  EXPECT_EQ(stat->command, "nginx");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 1);
  EXPECT_EQ(stat->user_ticks, 41U);
  EXPECT_EQ(stat->system_ticks, 17U);
  EXPECT_EQ(stat->threads, 3U);
  EXPECT_EQ(stat->resident.count, 512U * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST(ParseProcessStat, KnowsAProcessThatHasNotExecutedYet) {
  std::string line = std::string("77 (ninesd) S") + kTail;
  EXPECT_FALSE(parse_process_stat(line)->before_exec);
  line.replace(line.find("4194560"), 7, "4194624");
  EXPECT_TRUE(parse_process_stat(line)->before_exec);
}

TEST(ParseProcessStat, ANameCannotForgeFields) {
  for (const std::string name :
       {"", ")", "a) R 1 (b", "x\n78 (y) Z 0", ") Z 1 1 1 1 1", "\xff\x01 (", " "}) {
    const auto stat = parse_process_stat("77 (" + name + ") S" + kTail);
    ASSERT_TRUE(stat.has_value()) << name << ": " << stat.error().message();
    EXPECT_EQ(stat->command, name);
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->id.start, StartTime{123456});
  }
}

TEST(ParseProcessStat, RefusesEverythingElse) {
  const std::string whole = std::string("77 (a) S") + kTail;
  const std::size_t resident_end = whole.find(" 512 ") + 4;
  for (std::size_t size = 0; size < resident_end - 2; ++size) {
    const auto stat = parse_process_stat(whole.substr(0, size));
    ASSERT_FALSE(stat.has_value()) << size;
    EXPECT_EQ(stat.error().code(), ErrorCode::kCorrupt);
  }
  for (const std::string& line :
       {std::string(")("), std::string("x (a) S") + kTail, std::string("-5 (a) S") + kTail,
        std::string("99999999999 (a) S") + kTail, std::string("77 (a) S 1 x") + kTail,
        std::string("77 (a) SS") + kTail, std::string("77 (a)S") + kTail}) {
    EXPECT_FALSE(parse_process_stat(line).has_value()) << line;
  }
}

class ProcfsFixture : public testing::Test {
 protected:
  Procfs procfs_{HostRoot(NINES_SOURCE_DIR "/tests/fixtures/root")};
};

TEST_F(ProcfsFixture, StatOfAHostileName) {
  const auto stat = procfs_.stat(4242);
  ASSERT_TRUE(stat.has_value()) << stat.error().message();
  EXPECT_EQ(stat->command, "evil) Z 7 (\n");
  EXPECT_EQ(stat->parent, 1);
  EXPECT_TRUE(procfs_.is_running({4242, StartTime{123456}}));
  EXPECT_TRUE(procfs_.is_running({4242, StartTime::kUnknown}));
  EXPECT_FALSE(procfs_.is_running({4242, StartTime{123457}}));
  EXPECT_FALSE(procfs_.is_running({4301, StartTime{99}})) << "a zombie";
  EXPECT_FALSE(procfs_.is_running({9999, StartTime{1}}));
}

TEST_F(ProcfsFixture, CommandLineKeepsEmptyArgumentsButNotPadding) {
  EXPECT_THAT(*procfs_.command_line(4242), ElementsAre("redis-server *:6379"));
  EXPECT_THAT(*procfs_.command_line(4300), ElementsAre("prog", "", "last"));
  EXPECT_THAT(*procfs_.command_line(4301), IsEmpty());
}

TEST_F(ProcfsFixture, EnvironmentFirstOfANameCounts) {
  EXPECT_THAT(*procfs_.environment(4242),
              ElementsAre(Pair("EMPTY", ""), Pair("PATH", "/usr/bin"), Pair("WITH", "a=b\n")));
}

TEST_F(ProcfsFixture, LinksAreTextsNotFiles) {
  EXPECT_EQ(*procfs_.executable(4242), "/usr/sbin/redis-server (deleted)");
  EXPECT_THAT(*procfs_.descriptors(4242),
              ElementsAre(Pair(0, "/dev/null"), Pair(7, "socket:[1234]"), Pair(12, "pipe:[99]")));
  EXPECT_THAT(*procfs_.socket_inodes(4242), ElementsAre(1234));
}

TEST_F(ProcfsFixture, ChildrenOfAllThreadsOrFromAScan) {
  EXPECT_THAT(*procfs_.threads(4242), ElementsAre(4242, 4243));
  EXPECT_THAT(*procfs_.children(4242), ElementsAre(4300, 4301, 4310));
  EXPECT_THAT(*procfs_.children(4300), ElementsAre(4301)) << "no `children` file: scanned";
  EXPECT_THAT(*procfs_.all_processes(), ElementsAre(2, 4242, 4300, 4301));
}

TEST_F(ProcfsFixture, WhatIsNotThereIsGone) {
  EXPECT_EQ(procfs_.stat(9999).error().code(), ErrorCode::kGone);
  EXPECT_EQ(procfs_.command_line(9999).error().code(), ErrorCode::kGone);
  EXPECT_EQ(procfs_.environment(9999).error().code(), ErrorCode::kGone);
  EXPECT_EQ(procfs_.executable(9999).error().code(), ErrorCode::kGone);
  EXPECT_EQ(procfs_.descriptors(9999).error().code(), ErrorCode::kGone);
  EXPECT_EQ(procfs_.children(9999).error().code(), ErrorCode::kGone);
  EXPECT_EQ(procfs_.executable(2).error().code(), ErrorCode::kNotFound) << "a kernel thread";
}

TEST_F(ProcfsFixture, BootId) {
  EXPECT_EQ(*procfs_.boot_id(), "0cbd3a76-8b0c-4a4e-9c3a-2f6f3f5f1a11");
}

TEST(ProcfsLive, KnowsThisProcess) {
  const Procfs procfs;
  const auto self = procfs.identify(::getpid());
  ASSERT_TRUE(self.has_value()) << self.error().message();
  EXPECT_TRUE(procfs.is_running(*self));
  EXPECT_FALSE(
      procfs.is_running({self->pid, StartTime{static_cast<std::uint64_t>(self->start) + 1}}));
  EXPECT_GT(procfs.stat(::getpid())->resident.count, 0U);
  EXPECT_EQ(procfs.stat(::getpid())->parent, ::getppid());
  EXPECT_FALSE(procfs.command_line(::getpid())->empty());
  EXPECT_THAT(*procfs.executable(::getpid()), testing::HasSubstr("sys_test"));
  EXPECT_THAT(*procfs.threads(::getpid()), Contains(::getpid()));
  EXPECT_THAT(*procfs.all_processes(), Contains(::getpid()));
  EXPECT_EQ(procfs.boot_id()->size(), 36U);
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(procfs.descriptors(::getpid())->at(null.get()), "/dev/null");
}

TEST(ProcfsLive, PrivateMemoryGrowsWithWhatIsTouched) {
  const Procfs procfs;
  const auto before = procfs.private_memory(::getpid());
  ASSERT_TRUE(before) << before.error().message();
  constexpr std::size_t kBytes = 32 << 20;
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const auto after = procfs.private_memory(::getpid());
  ::munmap(memory, kBytes);
  ASSERT_TRUE(after);
  EXPECT_GE(after->count, before->count + kBytes / 2);
  EXPECT_EQ(procfs.private_memory(-1).error().code(), ErrorCode::kNotFound);
}

TEST(ProcfsLive, AHostileNameOfARealProcess) {
  TestChild child([] {
    ::prctl(PR_SET_NAME, ") Z 1 (\n x");
    return sleep_forever();
  });
  const Procfs procfs;
  ASSERT_TRUE(eventually([&] { return procfs.stat(child.pid())->command == ") Z 1 (\n x"; }));
  EXPECT_EQ(procfs.stat(child.pid())->parent, ::getpid());
  EXPECT_THAT(*procfs.children(::getpid()), Contains(child.pid()));
}

TEST(ProcfsLive, AZombieDoesNotRunAndThenIsGone) {
  TestChild child([] { return 0; });
  const Procfs procfs;
  ASSERT_TRUE(eventually([&] { return procfs.stat(child.pid())->state == 'Z'; }));
  const ProcessId id = *procfs.identify(child.pid());
  EXPECT_FALSE(procfs.is_running(id));
  EXPECT_THAT(*procfs.command_line(id.pid), IsEmpty());
  EXPECT_EQ(procfs.executable(id.pid).error().code(), ErrorCode::kNotFound);
  child.wait();
  EXPECT_EQ(procfs.stat(id.pid).error().code(), ErrorCode::kGone);
}

TEST(ProcfsLive, AProcessWithoutItsFirstThreadStillRuns) {
  TestChild child([] {
    std::thread([] { sleep_forever(); }).detach();
    ::syscall(SYS_exit, 0);  // of this thread only
    return 0;
  });
  const Procfs procfs;
  ASSERT_TRUE(eventually([&] { return procfs.stat(child.pid())->state == 'Z'; }));
  EXPECT_TRUE(procfs.is_running(*procfs.identify(child.pid())));
}

TEST(Cgroups, AreALineForEachHierarchy) {
  const auto found =
      parse_cgroups("9:name=systemd:/\n4:memory,cpu:/a:b/c.service\nnonsense\n7\n0::/x\n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].controllers, "name=systemd");
  EXPECT_EQ(found[1].controllers, "memory,cpu");
  EXPECT_EQ(found[1].path, "/a:b/c.service") << "a path may hold anything";
  EXPECT_EQ(found[2].controllers, "");
  EXPECT_EQ(found[2].path, "/x");
}

TEST(Cgroups, OfAProcessThatIsGoneAreNone) {
  const auto ours = Procfs().cgroups(::getpid());
  ASSERT_TRUE(ours);
  EXPECT_FALSE(ours->empty());
  constexpr pid_t kNobody = 0x3fffffff;  // beyond any pid_max
  const auto none = Procfs().cgroups(kNobody);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::kGone);
}

}  // namespace
}  // namespace nines::sys
