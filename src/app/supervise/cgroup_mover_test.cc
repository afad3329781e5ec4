#include "app/supervise/cgroup_mover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "sys/procfs.h"
#include "sys/test_child.h"
#include "sys/test_directory.h"

namespace nines::supervise {
namespace {

using sys::eventually;

/// Its v1 cgroups are plain directories, where cgroup.procs keeps what was written into it.
class CgroupMoverTest : public testing::Test {
 protected:
  sys::Cgroup make_cgroup(const std::string& name) {
    directory_.write(name + "/cgroup.procs", "");
    auto cgroup = sys::Cgroup::reopen({"", {directory_.path() + "/" + name}});
    EXPECT_TRUE(cgroup.has_value());
    return cgroup ? std::move(*cgroup) : sys::Cgroup();
  }
  std::string moved_to(const std::string& name) const {
    return directory_.read(name + "/cgroup.procs");
  }

  sys::TestDirectory directory_;
  const ProcessId self_ = sys::Procfs().identify(::getpid()).value();
  const std::string self_text_ = std::to_string(::getpid());
};

TEST_F(CgroupMoverTest, MovesInTheOrderItWasAsked) {
  std::vector<sys::Cgroup> cgroups;
  for (int i = 0; i < 50; ++i) cgroups.push_back(make_cgroup(std::to_string(i)));
  CgroupMover mover;
  for (const sys::Cgroup& cgroup : cgroups) mover.move(cgroup, self_);
  ASSERT_TRUE(eventually([&] { return moved_to("49") == self_text_; }));
  for (int i = 0; i < 49; ++i) EXPECT_EQ(moved_to(std::to_string(i)), self_text_) << i;
}

TEST_F(CgroupMoverTest, LeavesAloneWhoHasThePidNow) {
  const sys::Cgroup wrong = make_cgroup("wrong");
  const sys::Cgroup right = make_cgroup("right");
  ProcessId before_us = self_;
  before_us.start = StartTime{static_cast<std::uint64_t>(self_.start) - 1};
  CgroupMover mover;
  mover.move(wrong, before_us);
  mover.move(right, self_);
  ASSERT_TRUE(eventually([&] { return moved_to("right") == self_text_; }));
  EXPECT_EQ(moved_to("wrong"), "");
}

TEST_F(CgroupMoverTest, EndsWithWorkLeft) {
  const sys::Cgroup cgroup = make_cgroup("any");
  CgroupMover mover;
  for (int i = 0; i < 1000; ++i) mover.move(cgroup, self_);
}

}  // namespace
}  // namespace nines::supervise
