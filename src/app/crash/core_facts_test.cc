#include "app/crash/core_facts.h"

#include <gtest/gtest.h>

#include "sys/test_directory.h"

namespace nines::crash {
namespace {

class CoreFactsOf : public testing::Test {
 protected:
  CoreFactsOf() {
    host_.write("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:  8000 kB\n");
    host_.write("proc/7/status", "Name: VmRSS:\nVmRSS:\t  1200 kB\nVmSwap:\t 300 kB\n");
  }
  sys::HostRoot root() const { return sys::HostRoot(host_.path()); }
  sys::TestDirectory host_;
};

TEST_F(CoreFactsOf, MemoryIsWhatIsResidentAndWhatIsInSwap) {
  EXPECT_EQ(memory_of(7, root())->count, 1500U << 10);
  host_.write("proc/7/status", "VmRSS:\t  1200 kB\n");
  EXPECT_EQ(memory_of(7, root())->count, 1200U << 10);
  EXPECT_FALSE(memory_of(8, root()));
}

TEST_F(CoreFactsOf, HeadroomIsTheHostsWithoutCgroups) {
  EXPECT_EQ(headroom_of(7, root())->count, 8000U << 10);
}

TEST_F(CoreFactsOf, HeadroomIsTheLeastOfAllCgroupsAbove) {
  host_.write("proc/7/cgroup", "0::/nines/redis.service\n");
  const std::string unit = "sys/fs/cgroup/nines/redis.service/";
  host_.write(unit + "memory.max", "max\n");
  host_.write(unit + "memory.current", "5000\n");
  EXPECT_EQ(headroom_of(7, root())->count, 8000U << 10) << "no limit";
  host_.write("sys/fs/cgroup/nines/memory.max", "1000000\n");
  host_.write("sys/fs/cgroup/nines/memory.current", "900000\n");
  host_.write("sys/fs/cgroup/nines/memory.stat", "anon 1\ninactive_file 200000\nactive_file 5\n");
  EXPECT_EQ(headroom_of(7, root())->count, 1000000U - 900000U + 200005U);
  host_.write(unit + "memory.max", "6000\n");
  EXPECT_EQ(headroom_of(7, root())->count, 1000U);
}

TEST_F(CoreFactsOf, TheFirstVersionOfCgroupsCounts) {
  host_.write("proc/7/cgroup", "5:cpu,cpuacct:/a\n4:memory:/redis\n");
  const std::string unit = "sys/fs/cgroup/memory/redis/";
  host_.write(unit + "memory.limit_in_bytes", "9223372036854771712\n");
  host_.write(unit + "memory.usage_in_bytes", "10\n");
  EXPECT_EQ(headroom_of(7, root())->count, 8000U << 10) << "that number is its way to say none";
  host_.write(unit + "memory.limit_in_bytes", "70000\n");
  host_.write(unit + "memory.stat", "inactive_file 9\ntotal_inactive_file 4\n");
  EXPECT_EQ(headroom_of(7, root())->count, 70000U - 10 + 4);
}

TEST_F(CoreFactsOf, OnlySoManyWriteAtOnce) {
  UniqueFd first = take_writer(host_.path());
  const UniqueFd second = take_writer(host_.path());
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(take_writer(host_.path()));
  first.reset();
  EXPECT_TRUE(take_writer(host_.path()));
}

}  // namespace
}  // namespace nines::crash
