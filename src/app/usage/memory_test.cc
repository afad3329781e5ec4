#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/usage/test_host.h"

namespace nines::usage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kHost = "available memory of the host";
constexpr double kKiB = 1024;

class Memory : public testing::Test {
 protected:
  Measured unit_in(const std::string& cgroup) {
    host_.process(7);
    return {.main = {7}, .processes = {7}, .cgroups = {host_.path(cgroup)}};
  }
  std::vector<std::string> limits(const Measured& unit) {
    const Measurement measured = host_.measure(unit);
    EXPECT_THAT(measured.failures, IsEmpty());
    return limits_of(measured, Resource::kMemory);
  }
  TestHost host_;
};

TEST_F(Memory, OfAV2CgroupIsWithoutReclaimableCache) {
  host_.v2("/sys/fs/cgroup/a", 5000, "10000", "max",
           "inactive_file 1000\nactive_file 700\nslab_reclaimable 500\n");
  const Measurement measured = host_.measure(unit_in("/sys/fs/cgroup/a"));
  const Usage usage = usage_of(measured, "memory.max of /sys/fs/cgroup/a");
  EXPECT_EQ(usage.value, 3500);
  EXPECT_EQ(usage.limit, 10000);
  EXPECT_DOUBLE_EQ(usage.room(), 0.65);
  EXPECT_EQ(usage.scope, Scope::kUnit);
  const Usage of_host = usage_of(measured, kHost);
  EXPECT_EQ(of_host.value, 3500);
  EXPECT_EQ(of_host.scope, Scope::kShared);
  EXPECT_EQ(of_host.limit, 3500 + 1000 * kKiB);
}

TEST_F(Memory, HighCountsWhereItIsBelowMax) {
  host_.v2("/sys/fs/cgroup/a", 5000, "10000", "8000");
  EXPECT_THAT(limits(unit_in("/sys/fs/cgroup/a")),
              ElementsAre("memory.high of /sys/fs/cgroup/a", kHost));
}

TEST_F(Memory, OfAnAncestorIsComparedWithItsOwnLimit) {
  host_.v2("/sys/fs/cgroup/s/a", 1000, "10000");
  host_.v2("/sys/fs/cgroup/s", 9000, "12000", "max", "inactive_file 1000\n");
  host_.write("/sys/fs/cgroup/cgroup.procs", "");  // the root has no limits
  const Measurement measured = host_.measure(unit_in("/sys/fs/cgroup/s/a"));
  EXPECT_THAT(limits_of(measured, Resource::kMemory),
              ElementsAre("memory.max of /sys/fs/cgroup/s", kHost));
  const Usage usage = usage_of(measured, "memory.max of /sys/fs/cgroup/s");
  EXPECT_EQ(usage.value, 8000);
  EXPECT_EQ(usage.scope, Scope::kShared);
  EXPECT_EQ(usage_of(measured, kHost).value, 1000);
}

TEST_F(Memory, WithoutLimitIsTheHosts) {
  host_.v2("/sys/fs/cgroup/a", 5000);
  EXPECT_THAT(limits(unit_in("/sys/fs/cgroup/a")), ElementsAre(kHost));
}

TEST_F(Memory, NothingAboveTheMountPointIsLookedAt) {
  host_.v2("/sys/fs/cgroup/a", 10, "10000");
  host_.write("/sys/fs/memory.max", "11\n");
  host_.write("/sys/fs/memory.current", "11\n");
  EXPECT_THAT(limits(unit_in("/sys/fs/cgroup/a")),
              ElementsAre("memory.max of /sys/fs/cgroup/a", kHost));
}

TEST_F(Memory, OfAV1CgroupIsWithoutReclaimableCache) {
  host_.v1("/sys/fs/cgroup/memory/a", 5000, "10000",
           "inactive_file 1\ntotal_inactive_file 1000\nhierarchical_memory_limit 10000\n");
  const Measurement measured = host_.measure(unit_in("/sys/fs/cgroup/memory/a"));
  const Usage usage = usage_of(measured, "memory.limit_in_bytes of /sys/fs/cgroup/memory/a");
  EXPECT_EQ(usage.value, 4000);
  EXPECT_EQ(usage.limit, 10000);
}

TEST_F(Memory, OfV1WithoutLimitIsTheHosts) {
  host_.v1("/sys/fs/cgroup/memory/a", 5000, "9223372036854771712",
           "hierarchical_memory_limit 9223372036854771712\n");
  EXPECT_THAT(limits(unit_in("/sys/fs/cgroup/memory/a")), ElementsAre(kHost));
}

TEST_F(Memory, OfV1HasAncestorsToo) {
  host_.v1("/sys/fs/cgroup/memory/s/a", 1000, "9223372036854771712",
           "hierarchical_memory_limit 8000\n");
  host_.v1("/sys/fs/cgroup/memory/s", 6000, "8000", "total_inactive_file 500\n");
  const Measurement measured = host_.measure(unit_in("/sys/fs/cgroup/memory/s/a"));
  EXPECT_THAT(limits_of(measured, Resource::kMemory),
              ElementsAre("memory.limit_in_bytes of /sys/fs/cgroup/memory/s", kHost));
  EXPECT_EQ(usage_of(measured, "memory.limit_in_bytes of /sys/fs/cgroup/memory/s").value, 5500);
}

TEST_F(Memory, OfV1KnowsLimitsThatAreOutOfSight) {
  host_.v1("/sys/fs/cgroup/memory/a", 1000, "9000", "hierarchical_memory_limit 2000\n");
  const Measurement measured = host_.measure(unit_in("/sys/fs/cgroup/memory/a"));
  const Usage usage = usage_of(measured, "hierarchical_memory_limit of /sys/fs/cgroup/memory/a");
  EXPECT_EQ(usage.limit, 2000);
}

TEST_F(Memory, WithoutCgroupIsThatOfTheProcesses) {
  host_.process(7, {.resident_KiB = 30, .swap_KiB = 12});
  host_.process(8, {.resident_KiB = 8});
  const Measurement measured = host_.measure({.main = {7}, .processes = {7, 8}});
  EXPECT_THAT(limits_of(measured, Resource::kMemory), ElementsAre(kHost));
  EXPECT_EQ(usage_of(measured, kHost).value, 50 * kKiB);
  EXPECT_EQ(usage_of(measured, kHost).limit, 1050 * kKiB);
}

TEST_F(Memory, ACgroupWithoutTheControllerIsNone) {
  host_.write("/sys/fs/cgroup/a/cgroup.procs", "7\n");
  const Measurement measured = host_.measure(unit_in("/sys/fs/cgroup/a"));
  EXPECT_EQ(usage_of(measured, kHost).value, 100 * kKiB);
}

TEST_F(Memory, AddressSpaceCountsWhereItIsLimited) {
  host_.v2("/sys/fs/cgroup/a", 5000, "10000");
  Measured unit = unit_in("/sys/fs/cgroup/a");
  host_.process(8, {.address_space_limit = "2048000", .size_KiB = 1500});
  unit.processes.push_back(8);
  const Measurement measured = host_.measure(unit);
  const Usage usage = usage_of(measured, "RLIMIT_AS of 8");
  EXPECT_EQ(usage.value, 1500 * kKiB);
  EXPECT_EQ(usage.limit, 2000 * kKiB);
  EXPECT_EQ(usage_of(measured, kHost).value, 5000);  // the cgroup's all the same
}

TEST_F(Memory, LimitsAreKeptAndUseIsNot) {
  host_.v2("/sys/fs/cgroup/a", 5000, "10000");
  const Measured unit = unit_in("/sys/fs/cgroup/a");
  (void)host_.measure(unit);
  host_.v2("/sys/fs/cgroup/a", 6000, "20000");
  const Measurement soon = host_.measure_after(std::chrono::seconds(30), unit);
  EXPECT_EQ(usage_of(soon, "memory.max of /sys/fs/cgroup/a").value, 6000);
  EXPECT_EQ(usage_of(soon, "memory.max of /sys/fs/cgroup/a").limit, 10000);
  const Measurement late = host_.measure_after(kRefresh, unit);
  EXPECT_EQ(usage_of(late, "memory.max of /sys/fs/cgroup/a").limit, 20000);
}

TEST_F(Memory, ACgroupThatIsGoneIsNoFailure) {
  host_.v2("/sys/fs/cgroup/a", 5000, "10000");
  const Measured unit = unit_in("/sys/fs/cgroup/a");
  (void)host_.measure(unit);
  host_.remove("/sys/fs/cgroup/a");
  host_.remove("/proc/7");
  const Measurement measured = host_.measure_after(std::chrono::seconds(2), unit);
  EXPECT_THAT(measured.usages, IsEmpty());
  EXPECT_THAT(measured.failures, IsEmpty());
}

TEST_F(Memory, NamesAreShownAsTheyCanBe) {
  host_.v2("/sys/fs/cgroup/a\x1b\xff", 5000, "10000");
  EXPECT_THAT(limits(unit_in("/sys/fs/cgroup/a\x1b\xff")),
              ElementsAre("memory.max of /sys/fs/cgroup/a??", kHost));
}

TEST_F(Memory, WhatIsMeantToBeThereAndCannotBeReadIsTold) {
  host_.remove("/proc/meminfo");
  host_.write("/proc/meminfo", "no such line\n");
  host_.process(7);
  const Measurement measured = host_.measure({.main = {7}, .processes = {7}});
  ASSERT_EQ(measured.failures.size(), 1U);
  EXPECT_EQ(measured.failures[0].code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::usage
