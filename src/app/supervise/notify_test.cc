#include "app/supervise/notify.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "app/supervise/loop_testing.h"
#include "app/supervise/utf8.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

using std::chrono::microseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::run_until;
using testing::TempDir;

NotifyMessage parsed(std::string_view text) {
  auto message = parse_notify(text);
  EXPECT_TRUE(message) << message.error().message();
  return message ? *message : NotifyMessage();
}

TEST(ParseNotify, ReadsAllFields) {
  const auto m = parsed(
      "READY=1\nRELOADING=1\nSTOPPING=1\nWATCHDOG=1\nFDSTORE=1\nFDSTOREREMOVE=1\nBARRIER=1\n"
      "FDNAME=db\nFDPOLL=0\nMAINPID=4711\nSTATUS=caf\xc3\xa9\nERRNO=2\nEXIT_STATUS=3\n"
      "WATCHDOG_USEC=5000000\nEXTEND_TIMEOUT_USEC=7\nMONOTONIC_USEC=18446744073709551615");
  EXPECT_TRUE(m.ready && m.reloading && m.stopping && m.watchdog_ping && m.fd_store);
  EXPECT_TRUE(m.fd_store_remove && m.barrier);
  EXPECT_FALSE(m.fd_poll);
  EXPECT_FALSE(m.watchdog_trigger);
  EXPECT_EQ(m.fd_name, "db");
  EXPECT_EQ(m.main_pid, 4711);
  EXPECT_EQ(m.status, "caf\xc3\xa9");
  EXPECT_EQ(m.error_number, 2);
  EXPECT_EQ(m.exit_status, 3);
  EXPECT_EQ(m.watchdog_interval, Nanoseconds(microseconds(5'000'000)));
  EXPECT_EQ(m.extend_timeout, Nanoseconds(microseconds(7)));
  EXPECT_EQ(m.monotonic_usec, 18446744073709551615U);
  EXPECT_THAT(m.malformed_fields, IsEmpty());
}

TEST(ParseNotify, AnythingElseIsIgnored) {
  const auto m = parsed("X_OTHER=1\n\n=\n=1\nREADY\nREADY=0\nready=1\n READY=1\nSTATUS");
  EXPECT_FALSE(m.ready);
  EXPECT_FALSE(m.status);
  EXPECT_TRUE(m.fd_poll);
  EXPECT_THAT(m.malformed_fields, IsEmpty());
  EXPECT_FALSE(parsed("").ready);
  EXPECT_TRUE(parsed("READY=1\n").ready);
}

TEST(ParseNotify, ABadFieldDoesNotTakeTheMessageWithIt) {
  const auto m = parsed(
      "MAINPID=0\nREADY=1\nERRNO=ENOENT\nERRNO=4096\nEXIT_STATUS=256\nWATCHDOG_USEC=-1\n"
      "WATCHDOG_USEC= 1\nEXTEND_TIMEOUT_USEC=\nWATCHDOG=maybe\nFDPOLL=x\nMONOTONIC_USEC=1x");
  EXPECT_TRUE(m.ready);
  EXPECT_FALSE(m.main_pid || m.error_number || m.exit_status || m.watchdog_interval ||
               m.extend_timeout || m.monotonic_usec || m.watchdog_ping);
  EXPECT_THAT(m.malformed_fields,
              ElementsAre("MAINPID", "ERRNO", "EXIT_STATUS", "WATCHDOG_USEC", "EXTEND_TIMEOUT_USEC",
                          "WATCHDOG", "FDPOLL", "MONOTONIC_USEC"));
}

TEST(ParseNotify, PidsOutOfRange) {
  EXPECT_EQ(parsed("MAINPID=2147483647").main_pid, 2147483647);
  for (const auto* text : {"MAINPID=2147483648", "MAINPID=-1", "MAINPID=+1", "MAINPID=0x10"}) {
    EXPECT_FALSE(parsed(text).main_pid) << text;
  }
}

TEST(ParseNotify, OfAFieldSentTwiceTheFirstCounts) {
  const auto m = parsed("STATUS=a\nSTATUS=b\nMAINPID=2\nMAINPID=3\nFDNAME=x\nFDNAME=y");
  EXPECT_EQ(m.status, "a");
  EXPECT_EQ(m.main_pid, 2);
  EXPECT_EQ(m.fd_name, "x");
}

TEST(ParseNotify, SpansThatWouldOverflowAreCut) {
  const auto m = parsed("WATCHDOG_USEC=18446744073709551615\nEXTEND_TIMEOUT_USEC=9300000000000000");
  EXPECT_EQ(m.watchdog_interval, kMaxNotifySpan);
  EXPECT_EQ(m.extend_timeout, kMaxNotifySpan);
  EXPECT_GT(boot_now() + kMaxNotifySpan, boot_now());
  EXPECT_EQ(parsed("WATCHDOG_USEC=0").watchdog_interval, Nanoseconds(0));
}

TEST(ParseNotify, WatchdogTrigger) {
  const auto m = parsed("WATCHDOG=trigger");
  EXPECT_TRUE(m.watchdog_trigger);
  EXPECT_FALSE(m.watchdog_ping);
}

TEST(ParseNotify, StatusCannotSteerATerminal) {
  EXPECT_EQ(parsed("STATUS=\x1b[2Jx\x7f\ty\xc2\x9bz").status, "?[2Jx??y?z");
  EXPECT_EQ(parsed("STATUS=").status, "");
  for (const auto* bad : {"STATUS=\xff", "STATUS=\xc3", "STATUS=\xed\xa0\x80", "STATUS=\xc0\xaf",
                          "STATUS=\xf4\x90\x80\x80", "STATUS=\xe2\x82"}) {
    EXPECT_FALSE(parsed(bad).status);
    EXPECT_THAT(parsed(bad).malformed_fields, ElementsAre("STATUS"));
  }
}

TEST(ParseNotify, DescriptorNames) {
  EXPECT_EQ(parsed("FDNAME=a b").fd_name, "a b");
  EXPECT_EQ(parsed("FDNAME=" + std::string(255, 'x')).fd_name.size(), 255U);
  for (const std::string& bad : {std::string(), std::string("a:b"), std::string(256, 'x'),
                                 std::string("a\tb"), std::string("\xc3\xa9")}) {
    EXPECT_EQ(parsed("FDNAME=" + bad).fd_name, "") << bad;
    EXPECT_THAT(parsed("FDNAME=" + bad).malformed_fields, ElementsAre("FDNAME"));
  }
}

TEST(ParseNotify, RefusesWhatSystemdRefuses) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(parsed("READY=1\0"sv).ready);
  EXPECT_EQ(parse_notify("READY=1\0\0"sv).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(parse_notify("READY=1\0\nSTATUS=x"sv).error().code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(parse_notify(std::string(kMaxNotifyBytes, 'x')));
  EXPECT_EQ(parse_notify(std::string(kMaxNotifyBytes + 1, 'x')).error().code(), ErrorCode::kLimit);
}

TEST(Utf8, Accepts) {
  for (const auto* good : {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
}

TEST(Utf8, QuotesBytes) {
  EXPECT_EQ(quote_bytes("a\"\\\r\n\x01\xff"), "\"a\\\"\\\\\\r\\n\\x01\\xff\"");
  EXPECT_EQ(quote_bytes("abcdef", 3), "\"abc\"...");
}

struct Received {
  NotifyMessage message;
  sys::PeerCredentials sender;
  std::vector<UniqueFd> fds;
};

class NotifySocketTest : public ::testing::Test {
 protected:
  void listen() {
    auto bound = NotifySocket::bind(path());
    ASSERT_TRUE(bound) << bound.error().message();
    listen_on(std::move(*bound));
  }
  void listen_on(NotifySocket socket) {
    socket_.emplace(std::move(socket));
    socket_->start(loop_, [this](NotifyMessage m, const sys::PeerCredentials& sender,
                                 std::vector<UniqueFd> fds) {
      received_.push_back({std::move(m), sender, std::move(fds)});
    });
  }
  std::string path() const { return dir_ / "notify"; }
  UniqueFd client() const {
    auto fd = sys::connect_unix(path(), SOCK_DGRAM);
    EXPECT_TRUE(fd);
    return fd ? std::move(*fd) : UniqueFd();
  }
  void send(std::string_view text, const std::vector<int>& fds = {}) const {
    const auto sent = sys::send_message(client().get(), text, fds);
    EXPECT_TRUE(sent) << sent.error().message();
  }
  bool wait_for(std::size_t count) {
    return run_until(loop_, [&] { return received_.size() >= count; });
  }

  TempDir dir_;
  sys::EventLoop loop_;
  std::vector<Received> received_;
  std::optional<NotifySocket> socket_;
};

std::pair<UniqueFd, UniqueFd> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) std::abort();
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

bool hung_up(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

TEST_F(NotifySocketTest, TellsWhoSentWhat) {
  listen();
  send("READY=1\nSTATUS=up");
  ASSERT_TRUE(wait_for(1));
  EXPECT_TRUE(received_[0].message.ready);
  EXPECT_EQ(received_[0].message.status, "up");
  EXPECT_EQ(received_[0].sender.pid, ::getpid());
  EXPECT_EQ(received_[0].sender.uid, ::getuid());
}

TEST_F(NotifySocketTest, EveryUserMayReachIt) {
  listen();
  struct stat info{};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666U);
}

TEST_F(NotifySocketTest, HandsOverDescriptorsToStoreAndNoOthers) {
  listen();
  auto [kept_read, kept_write] = make_pipe();
  auto [lost_read, lost_write] = make_pipe();
  send("FDSTORE=1\nFDNAME=p", {kept_write.get()});
  send("READY=1", {lost_write.get()});
  kept_write.reset();
  lost_write.reset();
  ASSERT_TRUE(wait_for(2));
  ASSERT_EQ(received_[0].fds.size(), 1U);
  EXPECT_EQ(::fcntl(received_[0].fds[0].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_THAT(received_[1].fds, IsEmpty());
  EXPECT_FALSE(hung_up(kept_read.get()));
  EXPECT_TRUE(run_until(loop_, [&, fd = lost_read.get()] { return hung_up(fd); }));
}

TEST_F(NotifySocketTest, BarrierClosesItsDescriptorAfterWhatCameBefore) {
  listen();
  auto [read_end, write_end] = make_pipe();
  send("READY=1");
  send("BARRIER=1", {write_end.get()});
  write_end.reset();
  ASSERT_FALSE(hung_up(read_end.get()));
  ASSERT_TRUE(run_until(loop_, [&, fd = read_end.get()] { return hung_up(fd); }));
  EXPECT_EQ(received_.size(), 1U);  // the barrier itself is nobody else's business
}

TEST_F(NotifySocketTest, BarrierWithMoreIsStillHeard) {
  listen();
  auto [read_end, write_end] = make_pipe();
  send("READY=1\nFDSTORE=1\nBARRIER=1", {write_end.get()});
  write_end.reset();
  ASSERT_TRUE(wait_for(1));
  EXPECT_TRUE(received_[0].message.ready);
  EXPECT_THAT(received_[0].fds, IsEmpty());
  EXPECT_TRUE(run_until(loop_, [&, fd = read_end.get()] { return hung_up(fd); }));
}

TEST_F(NotifySocketTest, DropsWhatIsNotOfThisProtocol) {
  listen();
  send(std::string("READY=1\0READY=1", 15));
  send(std::string(kMaxNotifyBytes + 1, 'x'));
  send(std::string(100'000, 'x'));
  send("");
  send("READY=1");
  ASSERT_TRUE(wait_for(2));
  EXPECT_FALSE(received_[0].message.ready);  // the empty one says nothing, legally
  EXPECT_TRUE(received_[1].message.ready);
  EXPECT_EQ(socket_->dropped(), 3U);
}

TEST_F(NotifySocketTest, MessagesWaitWhileNobodyReceives) {
  auto bound = NotifySocket::bind(path());
  ASSERT_TRUE(bound);
  UniqueFd held(::fcntl(bound->fd(), F_DUPFD_CLOEXEC, 0));  // as the keeper would
  {
    const NotifySocket gone = std::move(*bound);
  }
  send("READY=1");
  auto adopted = NotifySocket::adopt(std::move(held));
  ASSERT_TRUE(adopted) << adopted.error().message();
  listen_on(std::move(*adopted));
  ASSERT_TRUE(wait_for(1));
  EXPECT_EQ(received_[0].sender.pid, ::getpid());
}

TEST_F(NotifySocketTest, AdoptsOnlyDatagramSockets) {
  auto pair = sys::seqpacket_pair();
  ASSERT_TRUE(pair);
  EXPECT_EQ(NotifySocket::adopt(std::move(pair->first)).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(NotifySocket::adopt(UniqueFd()).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(NotifySocketTest, TheHandlerMayDestroyTheSocket) {
  listen();
  int calls = 0;
  socket_->start(
      loop_, [&](const NotifyMessage&, const sys::PeerCredentials&, const std::vector<UniqueFd>&) {
        ++calls;
        socket_.reset();
      });
  send("READY=1");
  send("READY=1");
  ASSERT_TRUE(run_until(loop_, [&] { return calls > 0; }));
  loop_.run_one(std::chrono::milliseconds(50));
  EXPECT_EQ(calls, 1);
}

TEST_F(NotifySocketTest, DrainTakesTheLastWordsOfAProcess) {
  listen();
  send("STATUS=bye");
  socket_->drain();
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_EQ(received_[0].message.status, "bye");
}

TEST_F(NotifySocketTest, AFloodLeavesTheLoopToOthers) {
  listen();
  // One sender at a time keeps refilling what was taken; a timer must get its turn all the same.
  const UniqueFd flooder = client();
  bool timer_fired = false;
  std::uint64_t count = 0;
  socket_->start(
      loop_, [&](const NotifyMessage&, const sys::PeerCredentials&, const std::vector<UniqueFd>&) {
        ++count;
        if (timer_fired) return;
        EXPECT_TRUE(sys::send_message(flooder.get(), "WATCHDOG=1"));
      });
  EXPECT_TRUE(sys::send_message(flooder.get(), "WATCHDOG=1"));
  const auto timer = loop_.after(Nanoseconds(0), [&] { timer_fired = true; });
  EXPECT_TRUE(run_until(loop_, [&] { return timer_fired; }));
}

}  // namespace
}  // namespace nines::supervise
