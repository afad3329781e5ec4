#include "app/updates/security_updates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/test_directory.h"

namespace nines::updates {
namespace {

constexpr const char* kStatus =
    "Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n\n"
    "Package: libssl3\nStatus: hold ok installed\nArchitecture: amd64\nVersion: "
    "3.0.15-1~deb12u1\n\n"
    "Package: redis\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2+b8\n\n";
constexpr const char* kPackages =
    "Package: nginx\nArchitecture: amd64\nVersion: 1.22.1-9+deb12u2\n\n"
    "Package: nginx\nArchitecture: amd64\nVersion: 1.22.1-9+deb12u1\n\n"
    "Package: libssl3\nArchitecture: amd64\nVersion: 3.0.16-1\n\n"
    "Package: redis\nArchitecture: all\nVersion: 2\n\n"
    "Package: bash\nArchitecture: amd64\nVersion: 5.2.15-2~security1\n\n";

std::string release(const std::string& label, const std::string& suite) {
  return "Origin: Debian\nLabel: " + label + "\nSuite: " + suite +
         "\nDate: Sat, 07 Jun 2025 10:00:00 UTC\n";
}

class Pending : public testing::Test {
 protected:
  Pending() { root_.write("var/lib/dpkg/status", kStatus); }
  void archive(const std::string& label, const std::string& suite, const std::string& packages) {
    const std::string prefix = "var/lib/apt/lists/deb.debian.org_dists_" + suite + "_";
    root_.write(prefix + "InRelease", release(label, suite));
    root_.write(prefix + "main_binary-amd64_Packages", packages);
  }
  Result<PendingUpdates> read() { return read_pending_updates(sys::HostRoot(root_.path())); }
  sys::TestDirectory root_;
};

TEST_F(Pending, AreTheNewerVersionsOfASecurityArchive) {
  archive("Debian-Security", "oldstable-security", kPackages);
  const auto updates = read();
  ASSERT_TRUE(updates) << updates.error().message();
  EXPECT_EQ(updates->installed, 3U);
  ASSERT_EQ(updates->pending.size(), 2U);
  EXPECT_EQ(updates->pending[0].package, "libssl3");
  EXPECT_TRUE(updates->pending[0].held);
  EXPECT_EQ(updates->pending[1].candidate, "1.22.1-9+deb12u2");  // the newest, whatever the order
  ASSERT_EQ(updates->indexes.size(), 1U);
  EXPECT_EQ(updates->indexes[0].packages, 5U);
  EXPECT_EQ(to_iso8601(updates->indexes[0].published), "2025-06-07T10:00:00.000Z");
}

TEST_F(Pending, AreNotThoseOfAnyArchive) {
  archive("Debian", "oldstable", kPackages);
  const auto updates = read();
  ASSERT_TRUE(updates);
  EXPECT_TRUE(updates->pending.empty());
  EXPECT_TRUE(updates->indexes.empty());
}

TEST_F(Pending, AreUbuntusToo) {
  archive("Ubuntu", "noble-security", kPackages);
  const auto updates = read();
  ASSERT_TRUE(updates);
  EXPECT_EQ(updates->pending.size(), 2U);
}

TEST_F(Pending, NeedAnIndex) {
  const auto updates = read();
  ASSERT_TRUE(updates);
  EXPECT_TRUE(updates->indexes.empty());
}

TEST(PendingWithoutDpkg, AreNotFound) {
  const sys::TestDirectory root;
  const auto updates = read_pending_updates(sys::HostRoot(root.path()));
  ASSERT_FALSE(updates);
  EXPECT_EQ(updates.error().code(), ErrorCode::kNotFound);
}

TEST_F(Pending, TravelBetweenProcesses) {
  archive("Debian-Security", "oldstable-security", kPackages);
  const auto updates = read();
  ASSERT_TRUE(updates);
  const auto back = decode(encode(*updates));
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), encode(*updates));
  EXPECT_EQ(back->pending.size(), 2U);
  EXPECT_EQ(decode("{}").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(decode("").error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace nines::updates
