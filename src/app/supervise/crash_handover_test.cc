#include "app/supervise/crash_handover.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "sys/test_require.h"

namespace nines::supervise {
namespace {

/// @return a socket bound to 127.0.0.1:port (0: any) that listens, or -1 with errno.
int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(fd, 16) == 0) {
    return fd;
  }
  const int why = errno;
  ::close(fd);
  errno = why;
  return -1;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

/// A process that alone has `fd`, and no other of our descriptors, and never ends by itself.
class Owner {
 public:
  explicit Owner(int fd) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(fd, STDIN_FILENO);
      ::close_range(STDERR_FILENO + 1, ~0U, 0);  // the pipe too, which tells that it is done
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 0);
    ::close(ready[0]);
    ::close(fd);
  }
  ~Owner() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  pid_t pid() const { return pid_; }
  std::vector<sys::TcpListener> listeners() const {
    const auto handle = sys::Pidfd::open(pid_);
    return handle ? find_listeners(*handle, pid_) : std::vector<sys::TcpListener>();
  }

 private:
  pid_t pid_ = 0;
};

TEST(CrashHandover, FreesThePortOfALivingProcess) {
  NINES_REQUIRE_OR_SKIP("root", ::geteuid() == 0, "needs CAP_NET_ADMIN");
  const int listener = listen_on(0);
  ASSERT_GE(listener, 0);
  const std::uint16_t port = port_of(listener);
  const Owner owner(listener);
  EXPECT_EQ(listen_on(port), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  EXPECT_EQ(close_listeners(owner.listeners()), 1U);
  const int successor = listen_on(port);
  EXPECT_GE(successor, 0) << errno;
  ::close(successor);
}

TEST(CrashHandover, LeavesListenersOfOthersAlone) {
  const int mine = listen_on(0);
  const Owner owner(listen_on(0));
  (void)close_listeners(owner.listeners());
  EXPECT_EQ(listen_on(port_of(mine)), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  ::close(mine);
}

TEST(CrashHandover, LeavesConnectionsAlone) {
  const int listener = listen_on(0);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_of(listener));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const int accepted = ::accept(listener, nullptr, nullptr);
  ::close(listener);
  const Owner owner(accepted);
  EXPECT_EQ(close_listeners(owner.listeners()), 0U);
  char byte = 0;
  EXPECT_EQ(::recv(client, &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN) << "still connected";
  ::close(client);
}

TEST(CrashHandover, GivesWay) {
  const Owner owner(::dup(STDIN_FILENO));
  const auto handle = sys::Pidfd::open(owner.pid());
  ASSERT_TRUE(handle);
  EXPECT_EQ(::sched_getscheduler(owner.pid()), SCHED_OTHER);
  give_way(*handle, owner.pid(), LeaveThisCpu::kYes);
  EXPECT_EQ(::sched_getscheduler(owner.pid()), SCHED_IDLE);
  cpu_set_t ours;
  cpu_set_t left;
  ASSERT_EQ(::sched_getaffinity(0, sizeof ours, &ours), 0);
  ASSERT_EQ(::sched_getaffinity(owner.pid(), sizeof left, &left), 0);
  EXPECT_EQ(CPU_COUNT(&left), std::max(CPU_COUNT(&ours) - 1, 1));
}

TEST(CrashHandover, WhatWasFoundBeforeCostsNobodyElseHisSocket) {
  NINES_REQUIRE_OR_SKIP("root", ::geteuid() == 0, "needs CAP_NET_ADMIN");
  std::vector<sys::TcpListener> found;
  std::uint16_t port = 0;
  {
    const int listener = listen_on(0);
    port = port_of(listener);
    const Owner owner(listener);
    found = owner.listeners();
  }
  ASSERT_EQ(found.size(), 1U);
  const int successor = listen_on(port);
  ASSERT_GE(successor, 0) << errno;
  EXPECT_EQ(close_listeners(found), 0U);
  EXPECT_EQ(listen_on(port), -1) << "it listens still";
  ::close(successor);
}

TEST(CrashHandover, NothingIsFoundOnceItIsGone) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  const auto handle = sys::Pidfd::open(child);
  ASSERT_TRUE(handle);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(find_listeners(*handle, child).empty());
  // Its number is another process's by now.
  const int listener = listen_on(0);
  EXPECT_TRUE(find_listeners(*handle, ::getpid()).empty());
  const auto ourselves = sys::Pidfd::open(::getpid());
  ASSERT_TRUE(ourselves);
  EXPECT_EQ(find_listeners(*ourselves, ::getpid()).size(), 1U);
  ::close(listener);
}

}  // namespace
}  // namespace nines::supervise
