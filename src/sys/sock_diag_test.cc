#include "sys/sock_diag.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>

#include "sys/test_child.h"
#include "sys/test_directory.h"
#include "sys/test_require.h"

namespace nines::sys {
namespace {

std::uint64_t inode_of(const UniqueFd& socket) {
  struct stat info{};
  EXPECT_EQ(::fstat(socket.get(), &info), 0);
  return info.st_ino;
}

/// A socket that listens on a loopback port of the kernel's choice.
UniqueFd listen_on(int family, int backlog) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* address = family == AF_INET6 ? reinterpret_cast<const sockaddr*>(&v6)
                                           : reinterpret_cast<const sockaddr*>(&v4);
  const socklen_t size = family == AF_INET6 ? sizeof v6 : sizeof v4;
  if (::bind(socket.get(), address, size) != 0 || ::listen(socket.get(), backlog) != 0) return {};
  return socket;
}

/// Connects without anybody who accepts; does not wait for it.
UniqueFd connect_to(const UniqueFd& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  UniqueFd client(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  (void)::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), size);
  return client;
}

template <typename Listener>
Listener find(const Result<std::vector<Listener>>& all, const UniqueFd& socket) {
  EXPECT_TRUE(all) << all.error().message();
  if (!all) return {};
  const auto found = std::find_if(
      all->begin(), all->end(),
      [inode = inode_of(socket)](const Listener& listener) { return listener.inode == inode; });
  return found == all->end() ? Listener{} : *found;
}

class Listeners : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = SockDiag::open();
    const bool works = opened.has_value() && opened->tcp_listeners().has_value();
    NINES_REQUIRE_OR_SKIP("inet-diag", works, "no CONFIG_INET_DIAG");
    diag_.emplace(std::move(*opened));
  }
  std::optional<SockDiag> diag_;
};

TEST_F(Listeners, OfTcpTellWhoWaits) {
  const UniqueFd listener = listen_on(AF_INET, 5);
  ASSERT_TRUE(listener);
  const UniqueFd first = connect_to(listener);
  const UniqueFd second = connect_to(listener);
  ASSERT_TRUE(eventually([&] { return find(diag_->tcp_listeners(), listener).waiting == 2; }));
  EXPECT_EQ(find(diag_->tcp_listeners(), listener).backlog, 5U);
  const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(find(diag_->tcp_listeners(), listener).waiting, 1U);
}

TEST_F(Listeners, LetOneMoreWaitThanTheirBacklog) {
  const UniqueFd listener = listen_on(AF_INET, 1);
  ASSERT_TRUE(listener);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect_to(listener));
  ASSERT_TRUE(eventually([&] { return find(diag_->tcp_listeners(), listener).waiting == 2; }));
  clients.push_back(connect_to(listener));
  EXPECT_EQ(find(diag_->tcp_listeners(), listener).waiting, 2U);
}

TEST_F(Listeners, HaveAnAddressInEitherFamily) {
  TcpListener listener;
  listener.family = AF_INET;
  listener.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
  listener.id.idiag_sport = htons(6379);
  EXPECT_EQ(address_of(listener), "127.0.0.1:6379");
  const UniqueFd v6 = listen_on(AF_INET6, 3);
  NINES_REQUIRE_OR_SKIP("ipv6", static_cast<bool>(v6), "no ::1 to listen on");
  const TcpListener found = find(diag_->tcp_listeners(), v6);
  EXPECT_THAT(address_of(found), testing::StartsWith("[::1]:"));
  EXPECT_EQ(found.backlog, 3U);
}

TEST_F(Listeners, OfUnixSocketsTellWhoWaits) {
  const auto all = diag_->unix_listeners();
  NINES_REQUIRE_OR_SKIP("unix-diag", all.has_value(), "no CONFIG_UNIX_DIAG");
  const TestDirectory directory;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory.path() + "/s";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 7), 0);
  const UniqueFd client = connect_to(listener);
  const UnixListener found = find(diag_->unix_listeners(), listener);
  EXPECT_EQ(found.waiting, 1U);
  EXPECT_EQ(found.backlog, 7U);
  EXPECT_EQ(found.name, path);
}

TEST_F(Listeners, OfUnixSocketsMayBeAbstract) {
  const auto all = diag_->unix_listeners();
  NINES_REQUIRE_OR_SKIP("unix-diag", all.has_value(), "no CONFIG_UNIX_DIAG");
  const std::string name = "nines-sock-diag-" + std::to_string(::getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 7), 0);
  EXPECT_EQ(find(diag_->unix_listeners(), listener).name, "@" + name);
}

}  // namespace
}  // namespace nines::sys
