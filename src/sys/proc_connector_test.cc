#include "sys/proc_connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <thread>

#include "sys/proc_connector_wire.h"
#include "sys/test_child.h"
#include "sys/test_require.h"

namespace nines::sys {
namespace {

/// All events about one process up to and with its exit.
class Watcher {
 public:
  explicit Watcher(ProcConnector connector) : connector_(std::move(connector)) {}

  std::vector<ProcEvent> until_exit(pid_t pid) {
    std::vector<ProcEvent> about;
    eventually([&] {
      pollfd poller{connector_.fd(), POLLIN, 0};
      ::poll(&poller, 1, 100);
      auto events = connector_.read();
      EXPECT_TRUE(events.has_value()) << events.error().message();
      if (!events) return true;
      for (const auto& event : *events) {
        if (event.pid == pid) about.push_back(event);
      }
      return !about.empty() && about.back().kind == ProcEvent::Kind::kExit;
    });
    return about;
  }

 private:
  ProcConnector connector_;
};

#define OPEN_WATCHER(watcher)                                           \
  auto watcher##_opened = ProcConnector::open();                        \
  NINES_REQUIRE_OR_SKIP("proc-connector", watcher##_opened.has_value(), \
                        watcher##_opened.error().message());            \
  Watcher watcher(std::move(*watcher##_opened))

int die_of(int signal) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  return 0;
}

TEST(ProcConnector, TellsACrashBeforeTheExit) {
  OPEN_WATCHER(watcher);
  TestChild child([] { return die_of(SIGSEGV); });
  const auto events = watcher.until_exit(child.pid());
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, ProcEvent::Kind::kCoredump);
  EXPECT_EQ(events[1].kind, ProcEvent::Kind::kExit);
  EXPECT_TRUE(events[1].status.by_signal());
  EXPECT_EQ(events[1].status.value, SIGSEGV);
}

TEST(ProcConnector, NamesTheProcessWhenAThreadCrashes) {
  OPEN_WATCHER(watcher);
  TestChild child([] {
    std::thread crasher([] { die_of(SIGABRT); });
    crasher.join();
    return 0;
  });
  const auto events = watcher.until_exit(child.pid());
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, ProcEvent::Kind::kCoredump);
  EXPECT_EQ(events[1].status.value, SIGABRT);
}

TEST(ProcConnector, TellsKillsAndExitCodes) {
  OPEN_WATCHER(watcher);
  TestChild killed([] { return die_of(SIGKILL); });
  EXPECT_THAT(watcher.until_exit(killed.pid()),
              testing::ElementsAre(
                  testing::FieldsAre(ProcEvent::Kind::kExit, killed.pid(),
                                     testing::Eq(ExitStatus{ExitStatus::Kind::kKilled, SIGKILL}))));
  TestChild failed([] { return 3; });
  EXPECT_THAT(watcher.until_exit(failed.pid()),
              testing::ElementsAre(
                  testing::FieldsAre(ProcEvent::Kind::kExit, failed.pid(),
                                     testing::Eq(ExitStatus{ExitStatus::Kind::kExited, 3}))));
}

TEST(ProcConnector, ForksThreadsAndExecsAreFilteredInTheKernel) {
  auto opened = ProcConnector::open();
  NINES_REQUIRE_OR_SKIP("proc-connector", opened.has_value(), opened.error().message());
  // The child only makes noise, and its last exit is the only thing that may reach the socket.
  TestChild child([] {
    for (int i = 0; i < 20; ++i) std::thread([] {}).join();
    ::execl("/bin/true", "true", static_cast<char*>(nullptr));
    return 1;
  });
  // Raw datagrams, since read() would hide what the filter let through.
  int about_child = 0;
  ASSERT_TRUE(eventually([&] {
    char bytes[256];
    const ssize_t size = ::recv(opened->fd(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < static_cast<ssize_t>(wire::kTgid + 4)) return false;
    std::int32_t tgid = 0;
    std::memcpy(&tgid, bytes + wire::kTgid, sizeof tgid);
    if (tgid != child.pid()) return false;
    ++about_child;
    const auto event = decode_proc_event(bytes, static_cast<std::size_t>(size));
    return event && event->kind == ProcEvent::Kind::kExit;
  }));
  EXPECT_EQ(about_child, 1);
  EXPECT_EQ(child.wait(), 0);
}

TEST(ProcConnector, AnOverrunIsReported) {
  auto opened = ProcConnector::open();
  NINES_REQUIRE_OR_SKIP("proc-connector", opened.has_value(), opened.error().message());
  const int smallest = 0;
  ASSERT_EQ(::setsockopt(opened->fd(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest), 0);
  for (int i = 0; i < 50; ++i) TestChild([] { return 0; }).wait();
  const auto events = opened->read();
  ASSERT_TRUE(events.has_value());
  EXPECT_THAT(*events,
              testing::Contains(testing::Field(&ProcEvent::kind, ProcEvent::Kind::kOverrun)));
}

TEST(ProcConnector, TwoSubscribersSeeTheSameAndClosingOneLeavesTheOther) {
  OPEN_WATCHER(first);
  {
    OPEN_WATCHER(second);
    TestChild child([] { return 0; });
    EXPECT_EQ(first.until_exit(child.pid()).size(), 1U);
    EXPECT_EQ(second.until_exit(child.pid()).size(), 1U);
  }
  TestChild child([] { return 0; });
  EXPECT_EQ(first.until_exit(child.pid()).size(), 1U);
}

std::string datagram(std::uint32_t what, pid_t pid, pid_t tgid, std::uint32_t exit_code) {
  nlmsghdr header{};
  cn_msg message{};
  proc_event event{};
  std::string bytes(wire::kEvent + sizeof event, '\0');
  header.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
  header.nlmsg_type = NLMSG_DONE;
  message.id = {CN_IDX_PROC, CN_VAL_PROC};
  message.len = sizeof event;
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + wire::kMessage, &message, sizeof message);
  const auto put = [&bytes](std::size_t offset, std::uint32_t value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
  };
  put(wire::kWhat, what);
  put(wire::kPid, static_cast<std::uint32_t>(pid));
  put(wire::kTgid, static_cast<std::uint32_t>(tgid));
  put(wire::kExitCode, exit_code);
  return bytes;
}

TEST(DecodeProcEvent, TakesOnlyWholeProcesses) {
  const auto decode = [](const std::string& bytes) {
    return decode_proc_event(bytes.data(), bytes.size());
  };
  const auto exit = decode(datagram(proc_event::PROC_EVENT_EXIT, 42, 42, 0x100));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->pid, 42);
  EXPECT_EQ(exit->status, (ExitStatus{ExitStatus::Kind::kExited, 1}));
  const auto dumped = decode(datagram(proc_event::PROC_EVENT_EXIT, 42, 42, 0x8b));
  ASSERT_TRUE(dumped.has_value());
  EXPECT_EQ(dumped->status, (ExitStatus{ExitStatus::Kind::kDumped, SIGSEGV}));
  const auto crash = decode(datagram(proc_event::PROC_EVENT_COREDUMP, 43, 42, 0));
  ASSERT_TRUE(crash.has_value());
  EXPECT_EQ(crash->kind, ProcEvent::Kind::kCoredump);
  EXPECT_EQ(crash->pid, 42);
  EXPECT_FALSE(decode(datagram(proc_event::PROC_EVENT_EXIT, 43, 42, 0)).has_value());
  EXPECT_FALSE(decode(datagram(proc_event::PROC_EVENT_FORK, 42, 42, 0)).has_value());
  EXPECT_FALSE(decode(datagram(proc_event::PROC_EVENT_NONE, 0, 0, 0)).has_value());
}

TEST(DecodeProcEvent, EveryTruncationIsRefusedOrComplete) {
  const std::string whole = datagram(proc_event::PROC_EVENT_EXIT, 42, 42, 9);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A heap copy of exactly this size, so that the sanitizer sees a read behind it.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(decode_proc_event(cut.data(), cut.size()).has_value()) << size;
  }
  EXPECT_TRUE(decode_proc_event(whole.data(), whole.size()).has_value());
}

}  // namespace
}  // namespace nines::sys
