// Descriptors, threads and disks of a host in a directory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/usage/test_host.h"

namespace nines::usage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Processes : public testing::Test {
 protected:
  /// A descriptor of a process, with its target.
  void descriptor(int pid, int number, const std::string& target, const std::string& fdinfo = "") {
    const std::string link = host_.path(fmt::format("/proc/{}/fd/{}", pid, number));
    ASSERT_EQ(::symlink(target.c_str(), link.c_str()), 0);
    host_.write(fmt::format("/proc/{}/fdinfo/{}", pid, number), fdinfo);
  }
  TestHost host_;
};

TEST_F(Processes, TheOneNearestToItsDescriptorLimitCounts) {
  host_.process(7, {.descriptors_limit = "1000"});
  host_.process(8, {.descriptors_limit = "4"});
  for (int i = 0; i < 3; ++i) descriptor(7, i, "/dev/null");
  for (int i = 0; i < 2; ++i) descriptor(8, i, "/dev/null");
  const Measurement measured = host_.measure({.main = {7}, .processes = {8, 7}});
  EXPECT_THAT(limits_of(measured, Resource::kFds), ElementsAre("RLIMIT_NOFILE of 8"));
  EXPECT_EQ(usage_of(measured, "RLIMIT_NOFILE of 8").value, 2);
  EXPECT_EQ(usage_of(measured, "RLIMIT_NOFILE of 8").limit, 4);
}

TEST_F(Processes, ThatEndMeanwhileAreNoFailure) {
  host_.process(7);
  (void)host_.measure({.main = {7}, .processes = {7, 99}});
  host_.remove("/proc/7/fd");
  host_.remove("/proc/7/task");
  const Measurement measured =
      host_.measure_after(std::chrono::seconds(30), {.main = {7}, .processes = {7, 99}});
  EXPECT_THAT(limits_of(measured, Resource::kFds), IsEmpty());
  EXPECT_THAT(measured.failures, IsEmpty());
}

TEST_F(Processes, AnotherOneOfTheSameNumberHasItsOwnLimits) {
  host_.process(7, {.descriptors_limit = "1000"});
  const Measured unit{.main = {7}, .processes = {7}};
  EXPECT_EQ(usage_of(host_.measure(unit), "RLIMIT_NOFILE of 7").limit, 1000);
  // While the old directory still exists the new one cannot get its inode.
  std::filesystem::rename(host_.path("/proc/7"), host_.path("/proc/old"));
  host_.process(7, {.descriptors_limit = "2000"});
  const Measurement measured = host_.measure_after(std::chrono::seconds(1), unit);
  EXPECT_EQ(usage_of(measured, "RLIMIT_NOFILE of 7").limit, 2000);
}

TEST_F(Processes, InAPidsCgroupAreItsTasks) {
  host_.process(7, {.threads = 2});
  host_.pids("/sys/fs/cgroup/pids/s/a", 40, "max");
  host_.pids("/sys/fs/cgroup/pids/s", 60, "80");
  const Measurement measured = host_.measure(
      {.main = {7}, .processes = {7}, .cgroups = {host_.path("/sys/fs/cgroup/pids/s/a")}});
  EXPECT_THAT(limits_of(measured, Resource::kThreads),
              ElementsAre("pids.max of /sys/fs/cgroup/pids/s", "kernel.pid_max"));
  EXPECT_EQ(usage_of(measured, "pids.max of /sys/fs/cgroup/pids/s").value, 60);
  EXPECT_EQ(usage_of(measured, "kernel.pid_max").value, 40);
  EXPECT_EQ(usage_of(measured, "kernel.pid_max").limit, 40 + 3900);
}

TEST_F(Processes, WithoutCgroupHaveTheirThreadsCounted) {
  host_.process(7, {.threads = 3});
  host_.process(20, {.threads = 2});
  host_.write("/proc/sys/kernel/threads-max", "3000\n");
  const Measurement measured = host_.measure({.main = {7}, .processes = {7, 20}});
  EXPECT_THAT(limits_of(measured, Resource::kThreads), ElementsAre("kernel.threads-max"));
  EXPECT_EQ(usage_of(measured, "kernel.threads-max").value, 5);
}

TEST_F(Processes, OfAUserCountTogetherAgainstItsLimit) {
  host_.process(7, {.tasks_limit = "50", .threads = 3});
  host_.process(20, {.tasks_limit = "40", .threads = 2});
  host_.process(30, {.tasks_limit = "10", .user = 0, .threads = 9});
  host_.process(50, {.tasks_limit = "10", .threads = 9, .capabilities = "0000000001000000"});
  const Measurement measured = host_.measure({.main = {7}, .processes = {7, 20, 30, 50}});
  const Usage usage = usage_of(measured, "RLIMIT_NPROC of user 1000");
  EXPECT_EQ(usage.value, 5);
  EXPECT_EQ(usage.limit, 40);
  EXPECT_EQ(limits_of(measured, Resource::kThreads).size(), 2U);
}

TEST_F(Processes, TellWhichFileSystemsTheyWriteTo) {
  host_.process(7);
  host_.write("/proc/7/mountinfo",
              "1 0 8:1 / / rw - ext4 d rw\n2 1 8:2 / /data rw - xfs d rw\n"
              "3 1 8:3 / /logs rw - xfs d rw\n4 1 0:9 / /net rw - nfs4 d rw\n"
              "5 1 0:5 / /dev rw - devtmpfs d rw\n6 1 8:2 /x /again rw - xfs d rw\n");
  host_.write("/proc/7/root/data/file", "");
  host_.write("/proc/7/root/logs/file", "");
  descriptor(7, 0, "/dev/null", "flags:\t02\nmnt_id:\t5\n");
  descriptor(7, 1, "/data/file", "flags:\t0100002\nmnt_id:\t2\n");
  descriptor(7, 2, "/logs/file", "flags:\t0100000\nmnt_id:\t3\n");  // to read
  descriptor(7, 3, "/net/file", "flags:\t0100002\nmnt_id:\t4\n");
  descriptor(7, 4, "socket:[123]", "flags:\t02\nmnt_id:\t10\n");
  descriptor(7, 5, "/again/file", "flags:\t0100001\nmnt_id:\t6\n");  // the same as /data
  const Measurement measured = host_.measure({.main = {7}, .processes = {7}});
  struct statvfs said{};
  ASSERT_EQ(::statvfs(host_.path("/proc").c_str(), &said), 0);
  const Usage space = usage_of(measured, "free space of /data");
  EXPECT_GT(space.value, 0);
  EXPECT_LE(space.limit, static_cast<double>(said.f_blocks) * static_cast<double>(said.f_frsize));
  const auto names = limits_of(measured, Resource::kDisk);
  EXPECT_EQ(names.front(), "free space of /data");
  EXPECT_LE(names.size(), 2U);  // its inodes, where the file system counts them
}

TEST_F(Processes, OfADirectoryThatIsGivenHaveTheInnermostMount) {
  host_.process(7);
  host_.write("/proc/self/mountinfo",
              "1 0 8:1 / / rw - ext4 d rw\n2 1 8:2 / /var rw - ext4 d rw\n"
              "3 1 8:3 / /var/lib/redis2 rw - ext4 d rw\n4 1 0:9 / /srv rw - fuse.sshfs d rw\n");
  host_.write("/var/lib/redis/x", "");
  const Measurement measured =
      host_.measure({.main = {7}, .processes = {7}, .directories = {"/var/lib/redis", "/srv/x"}});
  EXPECT_EQ(limits_of(measured, Resource::kDisk).front(), "free space of /var");
  EXPECT_THAT(measured.failures, IsEmpty());
}

TEST_F(Processes, WithPrivilegesMayUseWhatIsKeptBack) {
  host_.write("/proc/self/mountinfo", "1 0 8:1 / / rw - ext4 d rw\n");
  host_.write("/var/x", "");
  struct statvfs said{};
  ASSERT_EQ(::statvfs(host_.path("/var").c_str(), &said), 0);
  const auto limit_with = [&](const char* capabilities) {
    host_.process(7, {.capabilities = capabilities});
    const Measured unit{.main = {7}, .processes = {7}, .directories = {"/var"}};
    const Usage usage = usage_of(host_.measure(unit), "free space of /");
    return (usage.limit - usage.value) / static_cast<double>(said.f_frsize);
  };
  const double without = limit_with("0000000000000000");
  const double with = limit_with("0000000001000000");
  // Others write to the same disk meanwhile, so that only a reserve of some size shows.
  if (said.f_bfree - said.f_bavail > said.f_blocks / 100) {
    EXPECT_GT(with, without);
  } else {
    EXPECT_GE(with, without * 0.9);
  }
}

}  // namespace
}  // namespace nines::usage
