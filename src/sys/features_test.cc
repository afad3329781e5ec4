#include "sys/features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "sys/cgroup_mounts.h"
#include "sys/feature_probes.h"
#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/test_child.h"
#include "sys/test_directory.h"
#include "sys/test_require.h"

namespace nines::sys {
namespace {

using testing::HasSubstr;

TEST(Features, EachIsThereOrSaysWhyNot) {
  std::set<std::string> names;
  for (const Feature& feature : probe_features()) {
    EXPECT_TRUE(names.insert(feature.name).second) << feature.name << " twice";
    EXPECT_FALSE(feature.used_for.empty()) << feature.name;
    EXPECT_TRUE(feature.available || !feature.detail.empty()) << feature.name;
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"pidfd", "clone3", "clone3-into-cgroup", "pidfd-getfd",
                                            "pidfd-exit-info", "so-peerpidfd", "close-range",
                                            "proc-connector", "cgroup-v2", "cgroup-kill",
                                            "cgroup-memory", "cgroup-freeze", "subreaper",
                                            "seccomp", "net-admin", "sys-ptrace"}));
}

// Where CI demands everything, a probe that wrongly says no is found here.
TEST(Features, WhatIsRequiredIsAvailable) {
  for (const Feature& feature : probe_features()) {
    if (test_requires(feature.name)) {
      EXPECT_TRUE(feature.available) << feature.name << ": " << feature.detail;
    }
  }
}

TEST(Features, ProbingLeavesNothingBehind) {
  const auto descriptors = Procfs().descriptors(::getpid());
  const auto children = Procfs().children(::getpid());
  probe_features();
  EXPECT_EQ(Procfs().descriptors(::getpid())->size(), descriptors->size());
  EXPECT_EQ(*Procfs().children(::getpid()), *children);
  for (const auto& own : find_own_cgroups({})) {
    const auto names = list_directory(own.directory);
    ASSERT_TRUE(names.has_value());
    EXPECT_THAT(*names,
                testing::Not(testing::Contains("nines-probe-" + std::to_string(::getpid()))));
  }
}

TEST(Features, AHostWithoutCgroupsSaysSo) {
  const TestDirectory root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", "23 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
  for (const Feature& feature : probe_features(HostRoot(root.path()))) {
    if (!feature.name.starts_with("cgroup") && feature.name != "clone3-into-cgroup") continue;
    EXPECT_FALSE(feature.available) << feature.name;
    EXPECT_THAT(feature.detail, HasSubstr("not mounted")) << feature.name;
  }
}

TEST(Features, AnUnprivilegedUserHasNoPrivileges) {
  NINES_REQUIRE_OR_SKIP("setuid", ::getuid() == 0, "runs as another user");
  TestChild child([] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 2;
    // As after an exec: what setuid made untraceable would hide what the probe found.
    ::prctl(PR_SET_DUMPABLE, 1);
    for (const Feature& feature : probe_features()) {
      const bool privileged = feature.name == "net-admin" || feature.name == "sys-ptrace";
      if (privileged && feature.available) return 3;
      if (feature.name == "pidfd" && !feature.available) return 4;
    }
    return 0;
  });
  EXPECT_EQ(WEXITSTATUS(child.wait()), 0);
}

TEST(InChild, BringsTheOutcomeBack) {
  EXPECT_EQ(*probe::in_child("x", [] { return probe::Outcome(std::string("v2")); }), "v2");
  const auto refused = probe::in_child("x", [] {
    return probe::Outcome(Error(ErrorCode::kDenied, "do it").with_detail("no reason"));
  });
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message(), HasSubstr("do it: no reason"));
  const auto died = probe::in_child("try it", []() -> probe::Outcome { ::_exit(3); });
  ASSERT_FALSE(died.has_value());
  EXPECT_EQ(died.error().op(), "try it");
}

}  // namespace
}  // namespace nines::sys
