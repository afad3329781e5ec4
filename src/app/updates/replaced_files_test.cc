#include "app/updates/replaced_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "sys/test_directory.h"

namespace nines::updates {
namespace {

using testing::ElementsAre;

TEST(ExecutableMapping, IsReadFromItsLine) {
  const auto mapping = parse_executable_mapping(
      "7f1c2a028000-7f1c2a1bd000 r-xp 00028000 fe:01 1835041    /usr/lib/libc.so.6 (deleted)");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->path, "/usr/lib/libc.so.6");
  EXPECT_TRUE(mapping->deleted);
  const auto kept = parse_executable_mapping("1-2 r-xp 0 fe:01 5 /opt/a b (deleted)x");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->path, "/opt/a b (deleted)x");
  EXPECT_FALSE(kept->deleted);
}

TEST(ExecutableMapping, OthersAreNot) {
  for (const char* line :
       {"", "-", "1-2", "1-2 r-xp", "1-2 r-xp 0 fe:01", "1-2 r-xp 0 fe:01 5",
        "1-2 r--p 0 fe:01 5 /a", "7ffd-7ffe r-xp 0 00:00 0    [vdso]",
        "1-2 r-xp 0 0:1 5 /memfd:jit (deleted)", "1-2 r-xp 0 0:1 5 //anon", "1-2 r-xp 0 0:1 5 /"}) {
    EXPECT_FALSE(parse_executable_mapping(line)) << line;
  }
}

class StaleProcesses : public testing::Test {
 protected:
  FileUsers scan(std::chrono::steady_clock::time_point deadline) {
    auto found = find_stale_processes(sys::HostRoot(root_.path()), deadline);
    EXPECT_TRUE(found) << found.error().message();
    return found ? *found : FileUsers{};
  }
  std::chrono::steady_clock::time_point later() const {
    return std::chrono::steady_clock::now() + std::chrono::hours(1);
  }
  sys::TestDirectory root_;
};

TEST_F(StaleProcesses, AreNamedWithTheirUnit) {
  root_.write("proc/7/maps",
              "1-2 r-xp 0 fe:01 5 /usr/sbin/nginx (deleted)\n"
              "3-4 r-xp 0 fe:01 6 /usr/lib/libssl.so.3 (deleted)\n"
              "5-6 r-xp 0 fe:01 6 /usr/lib/libssl.so.3 (deleted)\n"
              "7-8 r-xp 0 fe:01 7 /tmp/jit (deleted)\n");
  root_.write("proc/7/cgroup", "0::/system.slice/nginx.service\n");
  root_.write("proc/8/maps", "1-2 r-xp 0 fe:01 5 /usr/bin/bash\n");
  root_.write("proc/sys/kernel/x", "");
  const FileUsers found = scan(later());
  EXPECT_EQ(found.looked_at, 2U);
  ASSERT_EQ(found.users.size(), 1U);
  EXPECT_EQ(found.users[0].pid, 7);
  EXPECT_EQ(found.users[0].unit, "nginx.service");
  EXPECT_THAT(found.users[0].files, ElementsAre("/usr/sbin/nginx", "/usr/lib/libssl.so.3"));
}

TEST_F(StaleProcesses, ThatThereIsNoTimeForAreCounted) {
  root_.write("proc/7/maps", "1-2 r-xp 0 fe:01 5 /usr/sbin/nginx (deleted)\n");
  const FileUsers found = scan(std::chrono::steady_clock::now());
  EXPECT_EQ(found.skipped, 1U);
  EXPECT_EQ(found.looked_at, 0U);
}

/// The kernel's own words: a process that runs a file whose name is gone.
TEST(StaleProcess, IsSeenForReal) {
  const std::string file = testing::TempDir() + "nines-stale-" + std::to_string(::getpid());
  {
    std::ofstream out(file, std::ios::binary);
    out << std::ifstream("/bin/sleep", std::ios::binary).rdbuf();
  }
  ASSERT_EQ(::chmod(file.c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(file.c_str(), "sleep", "1000", nullptr);
    ::_exit(127);
  }
  // Until it executes it shows our own maps.
  const std::string maps = "/proc/" + std::to_string(child) + "/maps";
  const auto text = [&] {
    std::ifstream in(maps);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  while (text().find(file) == std::string::npos) ::usleep(1000);
  ::unlink(file.c_str());
  bool deleted = false;
  std::string line;
  for (std::ifstream in(maps); std::getline(in, line);) {
    const auto mapping = parse_executable_mapping(line);
    deleted = deleted || (mapping && mapping->path == file && mapping->deleted);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(deleted);
}

}  // namespace
}  // namespace nines::updates
