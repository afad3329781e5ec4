#include "app/updates/package_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/test_directory.h"

namespace nines::updates {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Use : public testing::Test {
 protected:
  PackageUses find(const std::vector<std::string>& packages) {
    auto found = find_package_uses(sys::HostRoot(root_.path()), packages,
                                   std::chrono::steady_clock::now() + std::chrono::hours(1));
    EXPECT_TRUE(found) << found.error().message();
    return found ? *found : PackageUses{};
  }
  void list(const std::string& name, const std::string& files) {
    root_.write("var/lib/dpkg/info/" + name + ".list", files);
  }
  void process(int pid, const std::string& file, const std::string& cgroup = "0::/\n") {
    root_.write("proc/" + std::to_string(pid) + "/maps", "1-2 r-xp 0 fe:01 5 " + file + "\n");
    root_.write("proc/" + std::to_string(pid) + "/cgroup", cgroup);
  }
  sys::TestDirectory root_;
};

TEST_F(Use, IsByTheFilesThatProcessesHaveMapped) {
  list("libssl3:amd64", "/.\n/usr\n/usr/lib/x86_64-linux-gnu/libssl.so.3\n");
  list("libssl3:i386", "/.\n/usr/lib/i386-linux-gnu/libssl.so.3\n");
  list("nginx", "/usr/sbin/nginx\n");
  list("nano", "/usr/bin/nano");
  process(7, "/usr/lib/x86_64-linux-gnu/libssl.so.3", "0::/system.slice/nginx.service\n");
  process(8, "/usr/lib/i386-linux-gnu/libssl.so.3");
  process(9, "/usr/bin/bash");
  const PackageUses uses = find({"nginx", "libssl3", "nano", "unheard-of"});
  EXPECT_EQ(uses.looked_at, 3U);
  ASSERT_EQ(uses.packages.size(), 4U);
  EXPECT_THAT(uses.packages[0].users, IsEmpty());
  ASSERT_EQ(uses.packages[1].users.size(), 2U);
  EXPECT_EQ(uses.packages[1].users[0].unit, "nginx.service");
  EXPECT_THAT(uses.packages[1].users[0].files,
              ElementsAre("/usr/lib/x86_64-linux-gnu/libssl.so.3"));
  EXPECT_EQ(uses.packages[1].users[1].pid, 8);
  EXPECT_TRUE(uses.packages[2].listed);
  EXPECT_FALSE(uses.packages[3].listed);
}

TEST_F(Use, AlsoOfFilesThatAreReplacedAlreadyOrNamedInAnotherWay) {
  list("libc6:amd64", "/lib/x86_64-linux-gnu/libc.so.6\n/usr/lib/locale\n");
  list("bash", "/usr/bin/bash\n");
  process(7, "/usr/lib/x86_64-linux-gnu/libc.so.6");
  process(8, "/usr/bin/bash (deleted)");
  process(9, "/bin/bash");
  const PackageUses uses = find({"libc6", "bash"});
  ASSERT_EQ(uses.packages[0].users.size(), 1U);
  EXPECT_EQ(uses.packages[0].users[0].pid, 7);
  ASSERT_EQ(uses.packages[1].users.size(), 2U);
}

TEST_F(Use, WithoutDpkgIsAnError) {
  process(7, "/bin/sh");
  const auto found =
      find_package_uses(sys::HostRoot(root_.path()), {"bash"}, std::chrono::steady_clock::now());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace nines::updates
