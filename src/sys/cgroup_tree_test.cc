// Where cgroups are made, on hosts that this machine is not: layouts as files in a fake root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "sys/cgroup.h"
#include "sys/cgroup_mounts.h"
#include "sys/file.h"
#include "sys/test_child.h"
#include "sys/test_directory.h"
#include "sys/test_require.h"

namespace nines::sys {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kV2Mount =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

/// A fake host. What its kernel would refuse is refused by file modes, so root passes everywhere;
/// what its kernel would answer is not played: see cgroup_test.cc for that.
class FakeHost {
 public:
  FakeHost(std::string_view own, std::string_view mountinfo) {
    root_.write("proc/self/cgroup", own);
    root_.write("proc/self/mountinfo",
                std::string("23 1 8:1 / / rw - ext4 /dev/sda1 rw\n") + std::string(mountinfo));
  }
  FakeHost& v2(const std::string& path,
               std::string_view controllers = "cpuset cpu io memory pids") {
    const std::string directory = "sys/fs/cgroup" + path;
    root_.write(directory + "/cgroup.procs", "");
    root_.write(directory + "/cgroup.controllers", controllers);
    root_.write(directory + "/cgroup.subtree_control", "");
    if (!path.empty()) root_.write(directory + "/cgroup.type", "domain\n");
    return *this;
  }
  FakeHost& v1(const std::string& directory) {
    root_.write(directory + "/cgroup.procs", "");
    return *this;
  }
  CgroupTree detect() const { return CgroupTree::detect("nines", HostRoot(root_.path())); }
  bool has(const std::string& path) const { return root_.has(path); }
  std::string read(const std::string& path) const { return root_.read(path); }
  std::string path(const std::string& path) const { return root_.path() + path; }

 private:
  TestDirectory root_;
};

TEST(CgroupTree, V2UnitsAreBesideAServiceOfSystemd) {
  FakeHost host("0::/system.slice/ninesd.service\n", kV2Mount);
  host.v2("").v2("/system.slice").v2("/system.slice/ninesd.service");
  const CgroupTree tree = host.detect();
  EXPECT_TRUE(tree.usable());
  const auto unit = tree.unit("redis.service");
  ASSERT_TRUE(unit.has_value()) << unit.error().message();
  EXPECT_EQ(unit->v2_path(), host.path("/sys/fs/cgroup/system.slice/nines/redis.service"));
  EXPECT_GE(unit->v2_fd(), 0);
  EXPECT_THAT(unit->v1_paths(), IsEmpty());
  // Its own cgroup keeps its processes, so nothing may be enabled there.
  EXPECT_EQ(host.read("sys/fs/cgroup/system.slice/ninesd.service/cgroup.subtree_control"), "");
  EXPECT_NE(host.read("sys/fs/cgroup/system.slice/cgroup.subtree_control"), "");
}

TEST(CgroupTree, V2InTheRootUnitsAreBelowIt) {
  FakeHost host("0::/\n", kV2Mount);
  host.v2("");
  EXPECT_EQ(host.detect().unit("a.service")->v2_path(),
            host.path("/sys/fs/cgroup/nines/a.service"));
  EXPECT_FALSE(host.has("sys/fs/cgroup/nines-daemon"));
}

TEST(CgroupTree, V2InAContainerUnitsAreBelowAllThatIsSeen) {
  // The root of a cgroup namespace: "/", but with a type, as only the true root has none.
  FakeHost host("0::/\n", kV2Mount);
  host.v2("");
  ASSERT_TRUE(replace_file(host.path("/sys/fs/cgroup/cgroup.type"), "domain\n", 0644).has_value());
  EXPECT_EQ(host.detect().unit("a.service")->v2_path(),
            host.path("/sys/fs/cgroup/nines/a.service"));
}

TEST(CgroupTree, V2OnceMovedToTheLeafUnitsStayWhereTheyWere) {
  FakeHost host("0::/ninesd.service/nines-daemon\n", kV2Mount);
  host.v2("").v2("/ninesd.service").v2("/ninesd.service/nines-daemon");
  EXPECT_EQ(host.detect().unit("a.service")->v2_path(),
            host.path("/sys/fs/cgroup/ninesd.service/nines/a.service"));
}

TEST(CgroupTree, V2ADelegatedCgroupIsUsedFromWithin) {
  FakeHost host("0::/ninesd.service\n", kV2Mount);
  host.v2("").v2("/ninesd.service");
  const std::string own = host.path("/sys/fs/cgroup/ninesd.service");
  const bool marked = ::setxattr(own.c_str(), "user.delegate", "1", 1, 0) == 0 ||
                      ::setxattr(own.c_str(), "trusted.delegate", "1", 1, 0) == 0;
  NINES_REQUIRE_OR_SKIP("xattr", marked, "the temporary directory keeps no extended attributes");
  EXPECT_EQ(host.detect().unit("a.service")->v2_path(), own + "/nines/a.service");
  // systemd is to start us again in there while units run: nothing may be enabled.
  EXPECT_EQ(host.read("sys/fs/cgroup/ninesd.service/cgroup.subtree_control"), "");
  EXPECT_FALSE(host.has("sys/fs/cgroup/ninesd.service/nines-daemon"));
}

TEST(CgroupTree, V2InASubgroupOfItsServiceControllersAreEnabled) {
  // DelegateSubgroup=nines-daemon: systemd starts us there, also the next time.
  FakeHost host("0::/ninesd.service/nines-daemon\n", kV2Mount);
  host.v2("").v2("/ninesd.service").v2("/ninesd.service/nines-daemon");
  EXPECT_TRUE(host.detect().usable());
  EXPECT_NE(host.read("sys/fs/cgroup/ninesd.service/cgroup.subtree_control"), "");
}

TEST(CgroupTree, V1CoMountedControllersAndForeignHierarchies) {
  FakeHost host(
      "12:freezer:/\n11:cpu,cpuacct:/app\n10:memory:/app:1\n9:pids:/app\n"
      "8:devices:/app\n1:name=systemd:/init.scope\n",
      "31 23 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "32 23 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 master:2 - cgroup cgroup "
      "rw,cpu,cpuacct\n"
      "33 23 0:30 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
      "34 23 0:31 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
      "35 23 0:32 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n");
  host.v1("sys/fs/cgroup/cpu,cpuacct/app").v1("sys/fs/cgroup/mem ory/app:1");
  host.v1("sys/fs/cgroup/devices/app").v1("sys/fs/cgroup/freezer");
  const CgroupTree tree = host.detect();
  EXPECT_EQ(tree.describe(), "v1(memory,cpu,cpuacct,freezer)") << "pids is not mounted";
  const auto unit = tree.unit("redis.service");
  ASSERT_TRUE(unit.has_value());
  EXPECT_TRUE(unit->v2_path().empty());
  EXPECT_EQ(unit->v2_fd(), -1);
  EXPECT_THAT(
      unit->procs_files(),
      ElementsAre(host.path("/sys/fs/cgroup/freezer/nines/redis.service/cgroup.procs"),
                  host.path("/sys/fs/cgroup/cpu,cpuacct/app/nines/redis.service/cgroup.procs"),
                  host.path("/sys/fs/cgroup/mem ory/app:1/nines/redis.service/cgroup.procs")));
}

TEST(CgroupTree, HybridLeavesTheFreezerToV2) {
  FakeHost host("6:freezer:/\n4:memory:/\n0::/\n",
                "40 23 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
                "41 23 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                "42 23 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  host.v1("sys/fs/cgroup/freezer").v1("sys/fs/cgroup/memory").v2("/unified", "");
  const CgroupTree tree = host.detect();
  EXPECT_EQ(tree.describe(), "v2 + v1(memory)");
  const auto unit = tree.unit("a.service");
  ASSERT_TRUE(unit.has_value());
  EXPECT_EQ(unit->v1_paths().size(), 1U);
  EXPECT_FALSE(unit->v2_path().empty());
}

TEST(CgroupTree, AContainerWithoutItsOwnNamespaceSeesABindMount) {
  FakeHost host("4:memory:/docker/abc/sub\n3:pids:/elsewhere\n2:cpu:/../outside\n",
                "41 23 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                "42 23 0:33 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
                "43 23 0:34 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  host.v1("sys/fs/cgroup/memory/sub").v1("sys/fs/cgroup/pids").v1("sys/fs/cgroup/cpu");
  EXPECT_EQ(host.detect().describe(), "v1(memory)");
  EXPECT_TRUE(host.has("sys/fs/cgroup/memory/sub/nines"));
}

TEST(CgroupTree, NothingMountedGivesNoCgroups) {
  const FakeHost host("0::/\n", "");
  const CgroupTree tree = host.detect();
  EXPECT_FALSE(tree.usable());
  EXPECT_EQ(tree.describe(), "none (not mounted)");
  const auto unit = tree.unit("a.service");
  ASSERT_TRUE(unit.has_value());
  EXPECT_FALSE(unit->valid());
}

TEST(CgroupTree, WhatAUserMayNotUseIsNotUsed) {
  FakeHost host("0::/user.slice/session-1.scope\n", kV2Mount);
  host.v2("").v2("/user.slice").v2("/user.slice/session-1.scope");
  NINES_REQUIRE_OR_SKIP("setuid", ::getuid() == 0, "runs a part as another user");
  ASSERT_EQ(::chmod(host.path("").c_str(), 0755), 0);
  TestChild child([&] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 2;
    const CgroupTree tree = host.detect();
    return !tree.usable() && tree.describe().find("Permission denied") != std::string::npos ? 0 : 1;
  });
  EXPECT_EQ(WEXITSTATUS(child.wait()), 0);
}

TEST(CgroupTree, ABaseThatAnotherRemovedIsMadeAgain) {
  FakeHost host(
      "0::/\n4:memory:/\n",
      std::string(kV2Mount) + "41 23 0:32 / /sys/fs/memory rw - cgroup cgroup rw,memory\n");
  host.v2("").v1("sys/fs/memory");
  const CgroupTree tree = host.detect();
  ASSERT_TRUE(tree.unit("a.service")->remove().has_value());
  tree.cleanup();
  EXPECT_FALSE(host.has("sys/fs/cgroup/nines"));
  EXPECT_FALSE(host.has("sys/fs/memory/nines"));
  EXPECT_TRUE(tree.unit("b.service")->valid());
  EXPECT_TRUE(host.has("sys/fs/memory/nines/b.service"));
}

TEST(CgroupTree, FilesOfAFakeHostAreReadWhereV2HasThem) {
  FakeHost host("0::/\n", kV2Mount);
  host.v2("").v2("/nines/a.service");
  const auto put = [&](const std::string& name, std::string_view text) {
    const std::string path = host.path("/sys/fs/cgroup/nines/a.service/" + name);
    ASSERT_TRUE(replace_file(path, text, 0644).has_value());
  };
  put("memory.events", "low 0\nhigh 3\nmax 9\noom 2\noom_kill 5\noom_group_kill 0\n");
  put("memory.current", "1048576\n");
  put("memory.peak", "2097152\n");
  put("pids.current", "7\n");
  put("cpu.stat", "usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n");
  put("cgroup.events", "populated 1\nfrozen 0\n");
  put("cgroup.procs", "30\n0\n10\n20\n");
  for (const char* name : {"memory.max", "memory.high", "pids.max", "cpu.weight", "cpu.max"}) {
    put(name, "");
  }
  const auto unit = host.detect().unit("a.service");
  ASSERT_TRUE(unit.has_value()) << unit.error().message();
  EXPECT_EQ(*unit->oom_kills(), 5U);
  const CgroupUsage usage = unit->usage();
  EXPECT_EQ(usage.memory, 1_MiB);
  EXPECT_EQ(usage.memory_peak, 2_MiB);
  EXPECT_EQ(usage.tasks, 7U);
  EXPECT_EQ(usage.cpu_usec, 1234U);
  EXPECT_TRUE(*unit->populated());
  EXPECT_THAT(*unit->processes(), ElementsAre(10, 20, 30)) << "0 is of another pid namespace";
  EXPECT_THAT(unit->apply({.memory_max = 3_MiB,
                           .memory_high = 2_MiB,
                           .tasks_max = 5,
                           .cpu_weight = 50,
                           .cpu_quota = 1.5}),
              IsEmpty());
  const auto got = [&](const std::string& name) {
    return host.read("sys/fs/cgroup/nines/a.service/" + name);
  };
  EXPECT_EQ(got("memory.max"), "3145728");
  EXPECT_EQ(got("memory.high"), "2097152");
  EXPECT_EQ(got("pids.max"), "5");
  EXPECT_EQ(got("cpu.weight"), "50");
  EXPECT_EQ(got("cpu.max"), "150000 100000");
}

TEST(CgroupTree, V1LimitsAreTranslated) {
  FakeHost host("4:cpu:/\n", "41 23 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  host.v1("sys/fs/cgroup/cpu").v1("sys/fs/cgroup/cpu/nines/a.service");
  const std::string directory = host.path("/sys/fs/cgroup/cpu/nines/a.service");
  for (const char* name : {"/cpu.shares", "/cpu.cfs_quota_us"}) {
    ASSERT_TRUE(replace_file(directory + name, "", 0644).has_value());
  }
  const auto unit = host.detect().unit("a.service");
  EXPECT_THAT(unit->apply({.memory_high = 1_MiB, .cpu_weight = 200, .cpu_quota = 0.25}),
              ElementsAre("MemoryHigh"));
  EXPECT_EQ(*read_file(directory + "/cpu.shares"), "2048");
  EXPECT_EQ(*read_file(directory + "/cpu.cfs_quota_us"), "25000");
}

TEST(CgroupTree, NamesThatLookLikeFilesAreEscaped) {
  EXPECT_EQ(*escape_cgroup_name("redis.service"), "redis.service");
  EXPECT_EQ(*escape_cgroup_name("postgresql@15-main.service"), "postgresql@15-main.service");
  EXPECT_EQ(*escape_cgroup_name("cgroup.service"), "_cgroup.service");
  EXPECT_EQ(*escape_cgroup_name("cpu.service"), "_cpu.service");
  EXPECT_EQ(*escape_cgroup_name("cpuacct.usage"), "_cpuacct.usage");
  EXPECT_EQ(*escape_cgroup_name("cpus.service"), "cpus.service");
  EXPECT_EQ(*escape_cgroup_name("tasks"), "_tasks");
  EXPECT_EQ(*escape_cgroup_name("_cpu.service"), "__cpu.service") << "so that no two collide";
  EXPECT_EQ(*escape_cgroup_name(".."), "_..");
  for (const std::string& name : {std::string(), std::string("a/b"), std::string("a\0b", 3)}) {
    EXPECT_EQ(escape_cgroup_name(name).error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(CgroupTreeLive, ADelegatedCgroupOfThisMachine) {
  std::string v2;
  for (const auto& own : find_own_cgroups({})) {
    if (own.is_v2()) v2 = own.directory;
  }
  NINES_REQUIRE_OR_SKIP("cgroup-v2", !v2.empty(), "no v2 hierarchy");
  const std::string own = v2 + "/nines-delegated-" + std::to_string(::getpid());
  NINES_REQUIRE_OR_SKIP("cgroup-v2", make_directories(own, 0755).has_value(), "may not create");
  EXPECT_EQ(::setxattr(own.c_str(), "trusted.delegate", "1", 1, 0), 0);
  TestChild child([&] {
    if (!write_existing(own + "/cgroup.procs", "0")) return 2;
    const CgroupTree tree = CgroupTree::detect("nines");
    auto unit = tree.unit("a.service");
    if (!unit || unit->v2_path() != own + "/nines/a.service") return 3;
    if (!unit->remove()) return 4;
    tree.cleanup();
    return exists(own + "/nines") ? 5 : 0;
  });
  EXPECT_EQ(WEXITSTATUS(child.wait()), 0);
  EXPECT_TRUE(eventually([&] {
    ::rmdir((own + "/nines-daemon").c_str());
    return ::rmdir(own.c_str()) == 0;
  }));
}

}  // namespace
}  // namespace nines::sys
