#include "app/supervise/directories.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "app/supervise/launch_testing.h"
#include "app/supervise/safe_tree.h"

namespace nines::supervise {
namespace {

using testing::exec_of;
using ::testing::HasSubstr;
using testing::service_unit;
using testing::TemporaryDirectory;

constexpr uid_t kNobody = 65534;
constexpr gid_t kNogroup = 65534;
constexpr uid_t kGames = 5;

#define NINES_NEEDS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs: root"

struct stat status_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}
mode_t mode_of(const std::string& path) {
  return status_of(path).st_mode & 07777;
}
uid_t owner_of(const std::string& path) {
  return status_of(path).st_uid;
}

class Directories : public ::testing::Test {
 protected:
  Directories() {
    for (const char* base : {"run", "var/lib", "var/cache", "var/log", "etc"}) {
      std::filesystem::create_directories(root / base);
    }
  }
  Status prepare() { return prepare_directories(unit, false, host); }
  Status remove(bool will_start_again = false) {
    return remove_runtime_directories(unit, false, will_start_again, host);
  }
  void write(const std::string& name, const std::string& text = "x") {
    ASSERT_TRUE(sys::replace_file(root / name, text, 0644));
  }
  bool there(const std::string& name) {
    return std::filesystem::exists(std::filesystem::symlink_status(root / name));
  }

  TemporaryDirectory root;
  sys::HostRoot host{root.path()};
  unit::Unit unit = service_unit();
  unit::ExecSettings& exec = exec_of(unit);
};

TEST_F(Directories, AreMadeWithOwnerAndModeWhateverOurUmaskIs) {
  NINES_NEEDS_ROOT();
  exec.user = "nobody";
  exec.runtime_directory = {{"app", "outer/inner"}, 0750};
  exec.state_directory = {{"app"}, 02770};
  exec.cache_directory = {{"app"}, 0700};
  exec.logs_directory = {{"app"}, 0755};
  exec.configuration_directory = {{"app"}, 0755};
  const mode_t before = ::umask(0077);
  const Status prepared = prepare();
  ::umask(before);
  ASSERT_TRUE(prepared.has_value()) << prepared.error().message();
  EXPECT_EQ(mode_of(root / "run/app"), 0750U);
  EXPECT_EQ(owner_of(root / "run/app"), kNobody);
  EXPECT_EQ(status_of(root / "run/app").st_gid, kNogroup);
  EXPECT_EQ(mode_of(root / "run/outer"), 0755U);
  EXPECT_EQ(owner_of(root / "run/outer"), 0U);
  EXPECT_EQ(owner_of(root / "run/outer/inner"), kNobody);
  EXPECT_EQ(mode_of(root / "var/lib/app"), 02770U);
  EXPECT_EQ(owner_of(root / "var/cache/app"), kNobody);
  EXPECT_EQ(owner_of(root / "var/log/app"), kNobody);
  EXPECT_EQ(owner_of(root / "etc/app"), 0U);
  EXPECT_TRUE(prepare().has_value()) << "again";
}

TEST_F(Directories, AnExistingTreeChangesHandsOnce) {
  NINES_NEEDS_ROOT();
  std::filesystem::create_directories(root / "var/lib/app/deep/er");
  write("var/lib/app/file");
  write("var/lib/app/deep/er/file");
  write("outside");
  std::filesystem::create_symlink(root / "outside", root / "var/lib/app/link");
  exec.user = "nobody";
  exec.state_directory.names = {"app"};
  ASSERT_TRUE(prepare().has_value());
  for (const char* name : {"var/lib/app", "var/lib/app/file", "var/lib/app/deep",
                           "var/lib/app/deep/er/file", "var/lib/app/link"}) {
    EXPECT_EQ(owner_of(root / name), kNobody) << name;
  }
  EXPECT_EQ(owner_of(root / "outside"), 0U) << "through a symbolic link";
  // Its owner is right now: what is below is left as the application made it.
  ASSERT_EQ(::chown((root / "var/lib/app/file").c_str(), kGames, 0), 0);
  ASSERT_TRUE(prepare().has_value());
  EXPECT_EQ(owner_of(root / "var/lib/app/file"), kGames);
}

TEST_F(Directories, WithoutAUserNothingChangesHands) {
  NINES_NEEDS_ROOT();
  std::filesystem::create_directories(root / "var/lib/app");
  ASSERT_EQ(::chown((root / "var/lib/app").c_str(), kGames, 0), 0);
  exec.state_directory.names = {"app"};
  ASSERT_TRUE(prepare().has_value());
  EXPECT_EQ(owner_of(root / "var/lib/app"), kGames);
}

TEST_F(Directories, AHardLinkToAStrangersFileIsNotGivenAway) {
  NINES_NEEDS_ROOT();
  std::filesystem::create_directories(root / "var/lib/app");
  write("shadow");
  write("var/lib/app/own");
  ASSERT_EQ(::chown((root / "var/lib/app").c_str(), kGames, 0), 0);
  ASSERT_EQ(::chown((root / "var/lib/app/own").c_str(), kGames, 0), 0);
  std::filesystem::create_hard_link(root / "shadow", root / "var/lib/app/trap");
  std::filesystem::create_hard_link(root / "var/lib/app/own", root / "var/lib/app/own2");
  exec.user = "nobody";
  exec.state_directory.names = {"app"};
  ASSERT_TRUE(prepare().has_value());
  EXPECT_EQ(owner_of(root / "shadow"), 0U);
  EXPECT_EQ(owner_of(root / "var/lib/app/own"), kNobody);
}

TEST_F(Directories, LinksAreFollowedOnlyIfOnlyRootCouldHaveMadeThem) {
  NINES_NEEDS_ROOT();
  std::filesystem::create_directories(root / "disk2/app");
  std::filesystem::create_directory_symlink(root / "disk2/app", root / "var/lib/app");
  exec.user = "nobody";
  exec.state_directory.names = {"app"};
  ASSERT_TRUE(prepare().has_value()) << "an administrator moved it";
  EXPECT_EQ(owner_of(root / "disk2/app"), kNobody);

  // The same below a directory that the unit's user owns: it could name any directory.
  std::filesystem::create_directories(root / "secret");
  std::filesystem::create_directories(root / "var/cache/app");
  ASSERT_EQ(::chown((root / "var/cache/app").c_str(), kNobody, kNogroup), 0);
  std::filesystem::create_directory_symlink(root / "secret", root / "var/cache/app/sub");
  exec.state_directory.names.clear();
  exec.cache_directory.names = {"app/sub"};
  const Status refused = prepare();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr("CacheDirectory=app/sub"));
  EXPECT_EQ(owner_of(root / "secret"), 0U);
}

TEST_F(Directories, ErrorsNameTheDirective) {
  write("var/log/app");
  exec.logs_directory.names = {"app"};
  EXPECT_THAT(prepare().error().message(), HasSubstr("LogsDirectory=app"));
  exec.logs_directory.names = {"../etc"};
  EXPECT_EQ(prepare().error().code(), ErrorCode::kInvalidArgument);
  exec.logs_directory.names = {"/etc"};
  EXPECT_EQ(prepare().error().code(), ErrorCode::kInvalidArgument);
}

// --- removal ---

TEST_F(Directories, RuntimeDirectoriesGoWithEverythingBelowButFollowNothing) {
  exec.runtime_directory.names = {"app", "outer/inner", "never-made"};
  exec.state_directory.names = {"app"};
  ASSERT_TRUE(prepare().has_value());
  std::filesystem::remove(root / "run/never-made");
  std::filesystem::create_directories(root / "run/app/a/b/c");
  write("run/app/a/b/c/file");
  write("run/outer/sibling");
  std::filesystem::create_directories(root / "outside");
  write("outside/kept");
  std::filesystem::create_directory_symlink(root / "outside", root / "run/app/link");
  std::filesystem::create_symlink("/nowhere", root / "run/app/dangling");
  const Status removed = remove();
  ASSERT_TRUE(removed.has_value()) << removed.error().message();
  EXPECT_FALSE(there("run/app"));
  EXPECT_FALSE(there("run/outer/inner"));
  EXPECT_TRUE(there("run/outer/sibling"));
  EXPECT_TRUE(there("outside/kept"));
  EXPECT_TRUE(there("var/lib/app"));
}

TEST_F(Directories, PreserveDecidesWhetherTheyGo) {
  struct Case {
    unit::Preserve preserve;
    bool will_start_again;
    bool kept;
  };
  for (const Case& test :
       {Case{unit::Preserve::kNo, false, false}, Case{unit::Preserve::kNo, true, false},
        Case{unit::Preserve::kRestart, false, false}, Case{unit::Preserve::kRestart, true, true},
        Case{unit::Preserve::kYes, false, true}, Case{unit::Preserve::kYes, true, true}}) {
    exec.runtime_directory.names = {"app"};
    exec.runtime_directory_preserve = test.preserve;
    ASSERT_TRUE(prepare().has_value());
    ASSERT_TRUE(remove(test.will_start_again).has_value());
    EXPECT_EQ(there("run/app"), test.kept);
  }
}

TEST_F(Directories, ALinkInPlaceOfTheDirectoryIsNotFollowed) {
  std::filesystem::create_directories(root / "outside");
  write("outside/kept");
  std::filesystem::create_directory_symlink(root / "outside", root / "run/app");
  exec.runtime_directory.names = {"app", "other"};
  std::filesystem::create_directories(root / "run/other");
  EXPECT_FALSE(remove().has_value());
  EXPECT_TRUE(there("outside/kept"));
  EXPECT_FALSE(there("run/other")) << "one failure does not keep the others";
}

TEST_F(Directories, AMountInsideIsLeftAlone) {
  NINES_NEEDS_ROOT();
  exec.user = "nobody";
  exec.runtime_directory.names = {"app"};
  std::filesystem::create_directories(root / "elsewhere");
  write("elsewhere/kept");
  std::filesystem::create_directories(root / "run/app/mnt");
  write("run/app/file");
  // A bind mount of the same file system: its device number is that of its surroundings.
  if (::mount((root / "elsewhere").c_str(), (root / "run/app/mnt").c_str(), nullptr, MS_BIND,
              nullptr) != 0) {
    GTEST_SKIP() << "needs: mount";
  }
  const Status prepared = prepare();
  const Status removed = remove();
  ASSERT_EQ(::umount((root / "run/app/mnt").c_str()), 0);
  EXPECT_TRUE(prepared.has_value());
  EXPECT_EQ(owner_of(root / "elsewhere/kept"), 0U);
  ASSERT_FALSE(removed.has_value());
  EXPECT_EQ(removed.error().code(), ErrorCode::kBusy);
  EXPECT_THAT(removed.error().message(), HasSubstr("RuntimeDirectory=app"));
  EXPECT_FALSE(there("run/app/file"));
  EXPECT_TRUE(there("elsewhere/kept"));
}

TEST_F(Directories, ATreeThatIsTooDeepIsAnErrorNotACrash) {
  exec.runtime_directory.names = {"app"};
  ASSERT_TRUE(prepare().has_value());
  UniqueFd at(::open((root / "run/app").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int depth = 0; depth < kMaxDepth + 10; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at.reset(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  const Status removed = remove();
  ASSERT_FALSE(removed.has_value());
  EXPECT_EQ(removed.error().code(), ErrorCode::kLimit);
}

}  // namespace
}  // namespace nines::supervise
