// Real processes of this machine, as the kernel shows them.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>

#include <thread>

#include "app/usage/test_host.h"
#include "app/usage/usage.h"
#include "sys/cgroup.h"
#include "sys/procfs.h"
#include "sys/test_child.h"
#include "sys/test_require.h"

namespace nines::usage {
namespace {

using sys::eventually;
using sys::sleep_forever;
using sys::TestChild;
using testing::IsEmpty;

class RealProcess : public testing::Test {
 protected:
  Measurement measure(const TestChild& child, std::vector<std::string> directories = {}) {
    now_ = now_ + std::chrono::hours(1);
    return usage::measure(
        {.main = {child.pid()}, .processes = {child.pid()}, .directories = std::move(directories)},
        now_, host_, unit_);
  }
  /// Measures until the value that `limited_by` names is `value`.
  bool becomes(const TestChild& child, const std::string& limited_by, double value) {
    return eventually([&] {
      const Measurement measured = measure(child);
      return std::any_of(measured.usages.begin(), measured.usages.end(), [&](const Usage& usage) {
        return usage.limited_by == limited_by && usage.value == value;
      });
    });
  }

  BootTime now_;
  HostCache host_;
  UnitCache unit_;
};

/// Closes all that the test program has open, so that numbers are known.
void close_all() {
  ::closefrom(0);
}

TEST_F(RealProcess, HasItsDescriptorsCounted) {
  const TestChild child([] {
    close_all();
    const rlimit limit{40, 40};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < 30; ++i) (void)::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return sleep_forever();
  });
  const std::string name = fmt::format("RLIMIT_NOFILE of {}", child.pid());
  ASSERT_TRUE(becomes(child, name, 30));
  EXPECT_EQ(usage_of(measure(child), name).limit, 40);
}

TEST_F(RealProcess, HasItsThreadsCounted) {
  const TestChild child([] {
    const auto sleep = [] { sleep_forever(); };
    std::thread first(sleep);
    std::thread second(sleep);
    return sleep_forever();
  });
  ASSERT_TRUE(eventually([&] {
    const auto threads = sys::Procfs().threads(child.pid());
    return threads && threads->size() == 3;
  }));
  const Measurement measured = measure(child);
  const auto names = limits_of(measured, Resource::kThreads);
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(usage_of(measured, names.back()).value, 3) << names.back();
}

TEST_F(RealProcess, HasItsMemoryMeasured) {
  constexpr double kTaken = 32 << 20;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const TestChild child([&] {
    std::string taken(static_cast<std::size_t>(kTaken), 'x');
    (void)!::write(pipe[1], taken.data(), 1);
    return sleep_forever();
  });
  char byte = 0;
  ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
  ::close(pipe[0]);
  ::close(pipe[1]);
  const Measurement measured = measure(child);
  const Usage usage = usage_of(measured, "available memory of the host");
  EXPECT_GE(usage.value, kTaken);
  EXPECT_GT(usage.limit, usage.value);
  EXPECT_THAT(measured.failures, IsEmpty());
}

TEST_F(RealProcess, FillsNoDiskByAFifo) {
  const sys::TestDirectory directory;
  const std::string path = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const TestChild child([&] {
    close_all();
    (void)::open(path.c_str(), O_RDWR | O_CLOEXEC);
    return sleep_forever();
  });
  ASSERT_TRUE(eventually([&] {
    const auto open = sys::Procfs().descriptors(child.pid());
    return open && open->size() == 1 && open->begin()->second == path;
  }));
  EXPECT_THAT(limits_of(measure(child), Resource::kDisk), IsEmpty());
}

TEST_F(RealProcess, HasItsListenersFound) {
  NINES_REQUIRE_OR_SKIP("inet-diag", host_.list_listeners(now_).has_value(),
                        "no socket diagnosis for TCP and unix sockets");
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const TestChild child([&] {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket, any, size) != 0 || ::listen(socket, 3) != 0) return 1;
    if (::getsockname(socket, any, &size) != 0) return 1;
    (void)!::write(pipe[1], &address.sin_port, sizeof address.sin_port);
    return sleep_forever();
  });
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::read(pipe[0], &address.sin_port, sizeof address.sin_port), 2);
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string name = fmt::format("listen backlog of 127.0.0.1:{}", ntohs(address.sin_port));
  ASSERT_TRUE(becomes(child, name, 1));
  EXPECT_EQ(usage_of(measure(child), name).limit, 4);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(RealProcess, MayHaveItsListenerHeldForIt) {
  NINES_REQUIRE_OR_SKIP("inet-diag", host_.list_listeners(now_).has_value(),
                        "no socket diagnosis for TCP and unix sockets");
  const UniqueFd held(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(held.get(), 9), 0);
  struct stat info{};
  ASSERT_EQ(::fstat(held.get(), &info), 0);
  const Measurement measured =
      usage::measure({.held_sockets = {info.st_ino}}, now_ + std::chrono::hours(1), host_, unit_);
  const auto names = limits_of(measured, Resource::kBacklog);
  ASSERT_EQ(names.size(), 1U);
  EXPECT_THAT(names[0], testing::StartsWith("listen backlog of 0.0.0.0:"));
  EXPECT_EQ(usage_of(measured, names[0]).limit, 10);
}

TEST_F(RealProcess, HasTheFileSystemsFoundThatItWritesTo) {
  const sys::TestDirectory directory;
  const std::string file = directory.path() + "/log";
  const TestChild child([&] {
    close_all();
    (void)::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return sleep_forever();
  });
  ASSERT_TRUE(eventually([&] {
    const auto open = sys::Procfs().descriptors(child.pid());
    return open && open->size() == 1 && open->begin()->second == file;
  }));
  const Measurement measured = measure(child);
  const auto names = limits_of(measured, Resource::kDisk);
  ASSERT_FALSE(names.empty());
  EXPECT_THAT(names[0], testing::StartsWith("free space of /"));
  EXPECT_GT(usage_of(measured, names[0]).value, 0);
  // That is what is found when the directory is named.
  UnitCache other;
  const Measurement named = usage::measure(
      {.main = {child.pid()}, .processes = {child.pid()}, .directories = {directory.path()}}, now_,
      host_, other);
  EXPECT_EQ(limits_of(named, Resource::kDisk), names);
}

TEST_F(RealProcess, ThatEndedLeavesNothingAndFailsNothing) {
  TestChild child([] { return 0; });
  const pid_t pid = child.pid();
  child.wait();
  const Measurement measured = usage::measure({.main = {pid}, .processes = {pid}},
                                              now_ + std::chrono::hours(1), host_, unit_);
  EXPECT_THAT(measured.usages, IsEmpty());
  EXPECT_THAT(measured.failures, IsEmpty());
}

TEST_F(RealProcess, InACgroupHasItsLimitsSeen) {
  const auto tree =
      sys::CgroupTree::detect(fmt::format("nines-usage-{}", ::getpid()), {}, sys::MakeRoom::kNo);
  auto cgroup = tree.unit("a.service");
  NINES_REQUIRE_OR_SKIP("cgroup", tree.usable() && cgroup.has_value(), "may not make cgroups");
  const auto not_applied = cgroup->apply({.memory_max = 64_MiB, .tasks_max = std::uint64_t{20}});
  NINES_REQUIRE_OR_SKIP("cgroup-memory", not_applied.empty(), "no controllers");
  {
    const TestChild child([&] {
      for (const std::string& file : cgroup->procs_files()) {
        const UniqueFd procs(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
        (void)!::write(procs.get(), "0", 1);
      }
      if (cgroup->v2_fd() >= 0) {
        const UniqueFd procs(::openat(cgroup->v2_fd(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
        (void)!::write(procs.get(), "0", 1);
      }
      return sleep_forever();
    });
    ASSERT_TRUE(eventually([&] { return cgroup->usage().tasks == std::uint64_t{1}; }));
    Measured unit{.main = {child.pid()}, .processes = {child.pid()}};
    unit.cgroups = cgroup->v1_paths();
    if (!cgroup->v2_path().empty()) unit.cgroups.push_back(cgroup->v2_path());
    const Measurement measured = usage::measure(unit, now_ + std::chrono::hours(1), host_, unit_);
    const auto tasks = limits_of(measured, Resource::kThreads);
    ASSERT_FALSE(tasks.empty());
    EXPECT_THAT(tasks[0], testing::AllOf(testing::StartsWith("pids.max of "),
                                         testing::HasSubstr("a.service")));
    EXPECT_EQ(usage_of(measured, tasks[0]).value, 1);
    EXPECT_EQ(usage_of(measured, tasks[0]).limit, 20);
    const auto memory = limits_of(measured, Resource::kMemory);
    ASSERT_FALSE(memory.empty());
    EXPECT_THAT(memory[0], testing::HasSubstr("a.service"));
    EXPECT_EQ(usage_of(measured, memory[0]).limit, 64 << 20);
    EXPECT_LT(usage_of(measured, memory[0]).value, 64 << 20);
    EXPECT_THAT(measured.failures, IsEmpty());
  }
  EXPECT_TRUE(eventually([&] { return cgroup->remove().has_value(); }));
  tree.cleanup();
}

}  // namespace
}  // namespace nines::usage
