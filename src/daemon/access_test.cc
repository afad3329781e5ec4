#include "daemon/access.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/client.h"
#include "api/codec.h"
#include "daemon/connection_table.h"
#include "daemon/test_server.h"
#include "sys/file.h"

namespace nines::daemon {
namespace {

using api::Client;

TEST(Access, RootAndOwnerActMembersReadOthersNothing) {
  const AccessPolicy policy{1000, 77};
  EXPECT_EQ(access_of({1, 0, 0, {}}, policy), Access::kAct);
  EXPECT_EQ(access_of({1, 1000, 1000, {}}, policy), Access::kAct);
  EXPECT_EQ(access_of({1, 1001, 77, {}}, policy), Access::kRead);
  EXPECT_EQ(access_of({1, 1001, 1001, {5, 77}}, policy), Access::kRead);
  EXPECT_EQ(access_of({1, 1001, 1001, {5}}, policy), Access::kNone);
  EXPECT_EQ(access_of({1, 1001, 77, {77}}, AccessPolicy{1000, std::nullopt}), Access::kNone);
}

TEST(Access, AGroupIsFoundInTheHostsOwnFile) {
  const std::string file = ::testing::TempDir() + "nines-group-" + std::to_string(::getpid());
  ASSERT_TRUE(sys::replace_file(file,
                                "root:x:0:\nninesx:x:1:\nxnines:x:2:\nnines\nnines:x:-1:\n"
                                "nines:x:77:alice,bob\nlast:x:78:",
                                0600)
                  .has_value());
  EXPECT_EQ(find_group("nines", file), 77U);
  EXPECT_EQ(find_group("last", file), 78U);
  EXPECT_EQ(find_group("nine", file), std::nullopt);
  EXPECT_EQ(find_group("nines", file + "-gone"), std::nullopt);
  EXPECT_EQ(find_group("root"), 0U);
  ::unlink(file.c_str());
}

TEST(ConnectionTable, ReadersNeverTakeTheLastPlaces) {
  const auto table = std::make_shared<ConnectionTable>(3, 2);
  const auto first = table->admit(Access::kRead);
  {
    const auto second = table->admit(Access::kNone);
    EXPECT_FALSE(table->admit(Access::kRead).has_value());
    const auto third = table->admit(Access::kAct);
    EXPECT_TRUE(third.has_value());
    EXPECT_FALSE(table->admit(Access::kAct).has_value());
  }
  EXPECT_EQ(table->open(), 1u);
  EXPECT_TRUE(table->admit(Access::kRead).has_value());
}

constexpr uid_t kStranger = 65'000;
constexpr gid_t kReaders = 65'001;

/// Runs `f` in a child that is another user with supplementary groups.
/// @return what `f` returned, 0..100.
template <typename F>
int as_user(uid_t uid, const std::vector<gid_t>& groups, F f) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(uid) != 0 ||
        ::setuid(uid) != 0) {
      ::_exit(101);
    }
    ::_exit(f());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

enum Answer : int { kOk = 0, kNotConnected = 1, kRefused = 2, kOtherError = 3 };

int ask(const std::string& path, const api::Request& request) {
  auto client = Client::connect(path);
  if (!client) return client.error().code() == ErrorCode::kDenied ? kNotConnected : kOtherError;
  const auto reply = client->call(request);
  if (reply) return kOk;
  return reply.error().code() == ErrorCode::kDenied && !reply.error().hint().empty() ? kRefused
                                                                                     : kOtherError;
}

class OtherUsers : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: becomes other users";
  }
};

TEST_F(OtherUsers, MembersOfTheGroupReadAndMayNotAct) {
  HttpServerOptions options;
  options.readers = kReaders;
  TestServer server(std::move(options));
  struct stat info{};
  ASSERT_EQ(::stat(server.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660u);
  EXPECT_EQ(info.st_gid, kReaders);
  server.on_loop([&] { server.backend.add("a.service", api::UnitState::kStopped); });

  const api::ActOnUnits start{api::Verb::kStart, {"a"}, {}, true};
  const auto read = [&] { return ask(server.path(), api::ListUnits{}); };
  const auto act = [&] { return ask(server.path(), start); };
  EXPECT_EQ(as_user(kStranger, {kReaders}, read), kOk);
  EXPECT_EQ(as_user(kStranger, {kReaders}, act), kRefused);
  EXPECT_EQ(as_user(kStranger, {kReaders},
                    [&] { return ask(server.path(), api::LoadUnit{"t", "[Service]"}); }),
            kRefused);
  EXPECT_EQ(as_user(kStranger, {kReaders}, [&] { return ask(server.path(), api::ReexecDaemon{}); }),
            kRefused);
  // A stranger does not get past the socket's mode, and where that is wide open, past ours.
  EXPECT_EQ(as_user(kStranger, {}, read), kNotConnected);
  ASSERT_EQ(::chmod(server.path().c_str(), 0666), 0);
  EXPECT_EQ(as_user(kStranger, {}, read), kRefused);
  EXPECT_EQ(as_user(kStranger, {}, act), kRefused);
  EXPECT_EQ(server.on_loop([&] { return server.backend.units_by_name["a.service"].state; }),
            api::UnitState::kStopped);
  EXPECT_EQ(server.on_loop([&] { return server.backend.reexecs; }), 0);
  EXPECT_EQ(act(), kOk);
}

TEST_F(OtherUsers, TheDaemonsOwnUserMayAct) {
  HttpServerOptions options;
  TestServer server(std::move(options), /*owner=*/kStranger);
  server.on_loop([&] { server.backend.add("a.service", api::UnitState::kStopped); });
  ASSERT_EQ(::chmod(server.path().c_str(), 0666), 0);
  const auto act = [&] {
    return ask(server.path(), api::ActOnUnits{api::Verb::kStart, {"a"}, {}, true});
  };
  EXPECT_EQ(as_user(kStranger, {}, act), kOk);
  EXPECT_EQ(as_user(kStranger + 5, {}, act), kRefused);
}

}  // namespace
}  // namespace nines::daemon
