#include "app/supervise/crash_peers.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "base/unique_fd.h"
#include "sys/test_require.h"

namespace nines::supervise {
namespace {

struct Pair {
  UniqueFd server, client;
};

class Peers : public testing::Test {
 public:
  ~Peers() override {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 protected:
  Peers() {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    address_ = address;
  }
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  Pair connect() {
    Pair pair;
    pair.client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(
        ::connect(pair.client.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_),
        0);
    pair.server.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return pair;
  }

  /// A process that has all of our descriptors and does nothing.
  sys::Pidfd process() {
    pid_ = ::fork();
    if (pid_ == 0) {
      for (;;) ::pause();
    }
    return sys::Pidfd::open(pid_).value_or(sys::Pidfd());
  }

  bool has_ended(const UniqueFd& client) {
    pollfd readable{client.get(), POLLIN, 0};
    char byte = 0;
    return ::poll(&readable, 1, 0) == 1 && ::recv(client.get(), &byte, 1, 0) == 0;
  }

  UniqueFd listener_;
  sockaddr_in address_{};
  pid_t pid_ = -1;
};

TEST_F(Peers, SeeTheEndThoughTheProcessIsThere) {
  const Pair tcp = connect();
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd one(ends[0]), two(ends[1]);
  const auto victim = process();
  CrashPeers peers(victim, pid_, {});
  while (peers.shut_down_some(1)) {
  }
  NINES_REQUIRE_OR_SKIP("root", ::geteuid() == 0, "needs ptrace access");
  ASSERT_GT(peers.shut_down(), 0U);
  EXPECT_TRUE(has_ended(tcp.client));
  EXPECT_TRUE(has_ended(one));
  EXPECT_FALSE(victim.has_exited());
  const Pair later = connect();
  EXPECT_TRUE(later.server.valid()) << "the listener goes on";
}

TEST_F(Peers, OfASocketThatSomebodyGoesOnWithSeeNothing) {
  const Pair kept = connect(), lost = connect();
  const auto victim = process();
  CrashPeers peers(victim, pid_,
                   {socket_cookie(kept.server.get()), socket_cookie(kept.client.get())});
  while (peers.shut_down_some(16)) {
  }
  NINES_REQUIRE_OR_SKIP("root", ::geteuid() == 0, "needs ptrace access");
  ASSERT_GT(peers.shut_down(), 0U);
  EXPECT_FALSE(has_ended(kept.client));
  EXPECT_TRUE(has_ended(lost.client));
}

TEST_F(Peers, OfAProcessThatHasEndedAreNobodysBusiness) {
  const Pair pair = connect();
  const auto victim = process();
  CrashPeers peers(victim, pid_, {});
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  EXPECT_FALSE(peers.shut_down_some(100));
  EXPECT_EQ(peers.shut_down(), 0U);
  EXPECT_FALSE(has_ended(pair.client));
}

}  // namespace
}  // namespace nines::supervise
