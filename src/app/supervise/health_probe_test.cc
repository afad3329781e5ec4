#include "app/supervise/health_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>

#include "app/supervise/loop_testing.h"
#include "sys/unix_socket.h"

namespace nines::supervise {
namespace {

using ::testing::HasSubstr;
using testing::run_until;
using ::testing::StartsWith;
using testing::TempDir;
using unit::HealthCheck;

// A server on the same loop, which answers as it is told.
class Server {
 public:
  enum class Manner { kAnswer, kAnswerAndClose, kSilent };

  Server(sys::EventLoop& loop, UniqueFd listener, std::string answer, Manner manner)
      : loop_(loop),
        answer_(std::move(answer)),
        manner_(manner),
        listener_(std::move(listener)),
        watch_(loop.on_readable(listener_.get(), [this] { accept(); })) {}

  std::string heard;
  int accepted = 0;

 private:
  void accept() {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    ++accepted;
    client_watch_.reset();
    client_.reset(fd);
    client_watch_ = loop_.on_readable(fd, [this] { read(); });
    if (manner_ == Manner::kAnswerAndClose && answer_.empty()) hang_up();
  }
  void read() {
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(client_.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return hang_up();
    heard.append(buffer.data(), static_cast<std::size_t>(n));
    if (manner_ == Manner::kSilent) return;
    ASSERT_EQ(::send(client_.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer_.size()));
    if (manner_ == Manner::kAnswerAndClose) hang_up();
  }
  void hang_up() {
    client_watch_.reset();
    client_.reset();
  }

  sys::EventLoop& loop_;
  std::string answer_;
  Manner manner_;
  UniqueFd listener_, client_;
  sys::Subscription watch_, client_watch_;
};

std::pair<UniqueFd, std::uint16_t> listen_v4(int backlog = 16) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0 || ::listen(fd.get(), backlog) != 0 ||
      ::getsockname(fd.get(), generic, &size) != 0) {
    std::abort();
  }
  return {std::move(fd), ntohs(address.sin_port)};
}

std::optional<std::pair<UniqueFd, std::uint16_t>> listen_v6() {
  UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!fd || ::bind(fd.get(), generic, size) != 0 || ::listen(fd.get(), 16) != 0 ||
      ::getsockname(fd.get(), generic, &size) != 0) {
    return std::nullopt;
  }
  return std::pair(std::move(fd), ntohs(address.sin6_port));
}

class HealthProbeTest : public ::testing::Test {
 protected:
  static HealthCheck tcp(const std::string& host, std::uint16_t port) {
    HealthCheck check;
    check.kind = HealthCheck::Kind::kTcp;
    check.host = host;
    check.port = port;
    // Long, so that only those tests that are about time-outs ever see one.
    check.timeout = std::chrono::seconds(50);
    return check;
  }
  static HealthCheck http(std::uint16_t port) {
    HealthCheck check = tcp("127.0.0.1", port);
    check.kind = HealthCheck::Kind::kHttp;
    return check;
  }

  Status probe(const HealthCheck& check, HealthProbe::RunCommand command = {}) {
    HealthProbe prober(loop_, check, std::move(command));
    std::optional<Status> result;
    prober.run([&](Status status) { result = std::move(status); });
    EXPECT_FALSE(result) << "done must not be called from within run()";
    EXPECT_TRUE(run_until(loop_, [&] { return result.has_value(); }));
    EXPECT_FALSE(prober.running());
    return result ? std::move(*result) : Status(Error(ErrorCode::kInternal, "no result"));
  }
  std::string probe_failure(const HealthCheck& check) {
    const Status status = probe(check);
    EXPECT_FALSE(status);
    return status ? "" : status.error().message();
  }
  // An HTTP answer and what the probe makes of it.
  Status probe_http(const std::string& answer) {
    auto [listener, port] = listen_v4();
    Server server(loop_, std::move(listener), answer, Server::Manner::kAnswerAndClose);
    Status status = probe(http(port));
    heard_ = server.heard;
    return status;
  }

  TempDir dir_;
  sys::EventLoop loop_;
  std::string heard_;
};

TEST_F(HealthProbeTest, ConnectIsEnoughWithoutExpect) {
  auto [listener, port] = listen_v4();  // nobody accepts: the kernel does
  EXPECT_TRUE(probe(tcp("127.0.0.1", port)));
}

TEST_F(HealthProbeTest, RefusedSaysSo) {
  auto [listener, port] = listen_v4();
  listener.reset();
  const Status status = probe(tcp("127.0.0.1", port));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kBusy);
  EXPECT_EQ(status.error().message(), fmt::format("connect 127.0.0.1:{}: refused", port));
}

TEST_F(HealthProbeTest, SendAndExpect) {
  auto [listener, port] = listen_v4();
  Server server(loop_, std::move(listener), "+PONG\r\n", Server::Manner::kAnswer);
  HealthCheck check = tcp("127.0.0.1", port);
  check.send = "PING\r\n";
  check.expect = "PONG";
  const Status status = probe(check);
  EXPECT_TRUE(status) << status.error().message();
  EXPECT_EQ(server.heard, "PING\r\n");
}

TEST_F(HealthProbeTest, AnswerWithoutWhatIsExpected) {
  auto [listener, port] = listen_v4();
  Server server(loop_, std::move(listener), "-LOADING\r\n", Server::Manner::kAnswerAndClose);
  HealthCheck check = tcp("127.0.0.1", port);
  check.send = "PING\r\n";
  check.expect = "PONG";
  EXPECT_EQ(
      probe_failure(check),
      fmt::format("health check 127.0.0.1:{}: answered \"-LOADING\\r\\n\" without \"PONG\"", port));
}

TEST_F(HealthProbeTest, GivesUpOnAnEndlessAnswer) {
  auto [listener, port] = listen_v4();
  Server server(loop_, std::move(listener), std::string(kMaxAnswerBytes, 'x') + "PONG",
                Server::Manner::kAnswer);
  HealthCheck check = tcp("127.0.0.1", port);
  check.send = "PING";
  check.expect = "PONG";
  const Status status = probe(check);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kCorrupt);
}

TEST_F(HealthProbeTest, AHangIsNoticedByTheMissingAnswer) {
  // A listener that nobody serves is what a stopped process looks like.
  auto [listener, port] = listen_v4();
  HealthCheck check = tcp("127.0.0.1", port);
  check.send = "PING\r\n";
  check.expect = "PONG";
  check.timeout = std::chrono::milliseconds(200);
  const Status status = probe(check);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kTimeout);
  EXPECT_EQ(status.error().message(),
            fmt::format("health check 127.0.0.1:{}: no answer within 200.0 ms", port));
}

TEST_F(HealthProbeTest, AFullBacklogTimesOutInConnecting) {
  auto [listener, port] = listen_v4(0);
  std::vector<UniqueFd> others;
  // More than any backlog of 0 or 1 takes: the kernel then drops further SYNs.
  for (int i = 0; i < 8; ++i) {
    others.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::connect(others.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  HealthCheck check = tcp("127.0.0.1", port);
  check.timeout = std::chrono::milliseconds(200);
  EXPECT_THAT(probe_failure(check), HasSubstr("connection not accepted within 200.0 ms"));
}

TEST_F(HealthProbeTest, LocalhostTriesBothFamilies) {
  auto [v4, port4] = listen_v4();
  EXPECT_TRUE(probe(tcp("localhost", port4)));
  auto v6 = listen_v6();
  if (!v6) GTEST_SKIP() << "needs IPv6 on loopback";
  EXPECT_TRUE(probe(tcp("localhost", v6->second)));
  EXPECT_TRUE(probe(tcp("::1", v6->second)));
  EXPECT_TRUE(probe(tcp("[::1]", v6->second)));
  const std::uint16_t port = v6->second;
  v6.reset();
  EXPECT_EQ(probe_failure(tcp("::1", port)), fmt::format("connect [::1]:{}: refused", port));
  EXPECT_EQ(probe_failure(tcp("localhost", port)),
            fmt::format("connect localhost:{}: refused", port));
}

TEST_F(HealthProbeTest, UnixSockets) {
  const std::string path = dir_ / "s";
  auto listener = sys::bind_unix(path, SOCK_STREAM, 0600);
  ASSERT_TRUE(listener);
  Server server(loop_, std::move(*listener), "pong", Server::Manner::kAnswer);
  HealthCheck check = tcp("unix:" + path, 0);
  check.send = "ping";
  check.expect = "pong";
  EXPECT_TRUE(probe(check));
  EXPECT_EQ(probe_failure(tcp("unix:" + path + "x", 0)),
            fmt::format("connect unix:{}x: no such socket", path));
}

TEST_F(HealthProbeTest, AbstractUnixSocket) {
  const std::string name = "@nines-health-probe-test-" + std::to_string(::getpid());
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(name.begin() + 1, name.end(), address.sun_path + 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
                   offsetof(sockaddr_un, sun_path) + name.size()),
            0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_TRUE(probe(tcp("unix:" + name, 0)));
}

TEST_F(HealthProbeTest, FullUnixBacklog) {
  const std::string path = dir_ / "s";
  auto listener = sys::bind_unix(path, SOCK_STREAM, 0600);
  ASSERT_TRUE(listener);
  ASSERT_EQ(::listen(listener->get(), 0), 0);
  auto first = sys::connect_unix(path, SOCK_STREAM);
  ASSERT_TRUE(first);
  EXPECT_EQ(probe_failure(tcp("unix:" + path, 0)),
            "connect unix:" + path + ": the queue of waiting connections is full");
}

TEST_F(HealthProbeTest, ChecksThatMakeNoSense) {
  for (const HealthCheck& check :
       {tcp("example.org", 80), tcp("", 80), tcp("127.0.0.1", 0), tcp("unix:", 0),
        tcp("unix:" + std::string(200, 'x'), 0), tcp("127.0.0.1.5", 80)}) {
    const Status status = probe(check);
    ASSERT_FALSE(status) << check.host;
    EXPECT_EQ(status.error().code(), ErrorCode::kInvalidArgument) << check.host;
  }
  HealthCheck injected = http(80);
  for (const auto* path : {"/ HTTP/1.1\r\nX: y", "no-slash", "/\x01", ""}) {
    injected.http_path = path;
    EXPECT_EQ(probe(injected).error().code(), ErrorCode::kInvalidArgument) << path;
  }
}

TEST_F(HealthProbeTest, HttpGet) {
  EXPECT_TRUE(probe_http("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_THAT(heard_, StartsWith("GET / HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(heard_, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(heard_, ::testing::EndsWith("\r\n\r\n"));
  EXPECT_TRUE(probe_http("HTTP/1.0 302 Found\r\n\r\n"));
  EXPECT_TRUE(probe_http("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No\r\n\r\n"));
}

TEST_F(HealthProbeTest, HttpFailures) {
  const auto message = [this](const std::string& answer) {
    const Status status = probe_http(answer);
    return status ? std::string("success") : status.error().message();
  };
  EXPECT_THAT(message("HTTP/1.1 503 Busy\r\n\r\n"), HasSubstr("HTTP 503 instead of 200-399"));
  EXPECT_THAT(message("HTTP/1.1 503 Busy\r\n\r\n"), StartsWith("GET http://127.0.0.1:"));
  EXPECT_THAT(message("SSH-2.0-x\r\n"), HasSubstr("not an HTTP answer: \"SSH-2.0-x\\r\\n\""));
  EXPECT_THAT(message("HTTP/1.1 20"), HasSubstr("ends within its headers: \"HTTP/1.1 20\""));
  EXPECT_THAT(message("HTTP/1.1 100 Go\r\n\r\n"), HasSubstr("ends within its headers"));
  EXPECT_THAT(message(""), ::testing::AnyOf(HasSubstr("closed without an answer"),
                                            HasSubstr("connection reset")));
}

TEST_F(HealthProbeTest, HttpStatusRange) {
  auto [listener, port] = listen_v4();
  Server server(loop_, std::move(listener), "HTTP/1.1 401 No\r\n\r\n",
                Server::Manner::kAnswerAndClose);
  HealthCheck check = http(port);
  check.http_path = "/health?full=1";
  check.http_status_min = check.http_status_max = 401;
  EXPECT_TRUE(probe(check));
  EXPECT_THAT(server.heard, StartsWith("GET /health?full=1 HTTP/1.1\r\n"));
}

TEST_F(HealthProbeTest, CancelledProbeNeverReports) {
  auto [listener, port] = listen_v4();
  HealthProbe prober(loop_, tcp("127.0.0.1", port), {});
  bool called = false;
  prober.run([&](const Status&) { called = true; });
  prober.cancel();
  EXPECT_FALSE(prober.running());
  bool second = false;
  prober.run([&](const Status&) { second = true; });  // and is ready for the next
  ASSERT_TRUE(run_until(loop_, [&] { return second; }));
  EXPECT_FALSE(called);
}

TEST_F(HealthProbeTest, OneAtATime) {
  auto [listener, port] = listen_v4();
  HealthProbe prober(loop_, tcp("127.0.0.1", port), {});
  std::optional<Status> first, second;
  prober.run([&](Status status) { first = std::move(status); });
  prober.run([&](Status status) { second = std::move(status); });
  ASSERT_TRUE(run_until(loop_, [&] { return first && second; }));
  EXPECT_TRUE(*first);
  EXPECT_EQ(second->error().code(), ErrorCode::kBusy);
}

TEST_F(HealthProbeTest, DoneMayDestroyTheProbe) {
  auto [listener, port] = listen_v4();
  auto prober = std::make_unique<HealthProbe>(loop_, tcp("127.0.0.1", port), nullptr);
  prober->run([&](const Status&) { prober.reset(); });
  EXPECT_TRUE(run_until(loop_, [&] { return prober == nullptr; }));
}

TEST_F(HealthProbeTest, DoneMayRunTheNext) {
  auto [listener, port] = listen_v4();
  HealthProbe prober(loop_, tcp("127.0.0.1", port), {});
  int count = 0;
  std::function<void(Status)> again = [&](const Status& status) {
    EXPECT_TRUE(status);
    if (++count < 5) prober.run(again);
  };
  prober.run(again);
  EXPECT_TRUE(run_until(loop_, [&] { return count == 5; }));
}

TEST_F(HealthProbeTest, Command) {
  HealthCheck check;
  check.kind = HealthCheck::Kind::kCommand;
  check.command.path = "/usr/bin/check";
  EXPECT_TRUE(probe(check, [](const HealthProbe::Done& done) { done({}); }));
  const Status status = probe(
      check, [](const HealthProbe::Done& done) { done(Error(ErrorCode::kIo, "exit code 1")); });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().op(), "exit code 1");
}

TEST_F(HealthProbeTest, ACommandThatHangsIsNotStartedTwice) {
  HealthCheck check;
  check.kind = HealthCheck::Kind::kCommand;
  check.command.path = "/usr/bin/check";
  check.timeout = std::chrono::milliseconds(50);
  std::vector<HealthProbe::Done> started;
  HealthProbe prober(loop_, check,
                     [&](HealthProbe::Done done) { started.push_back(std::move(done)); });
  const auto run_once = [&] {
    std::optional<Status> result;
    prober.run([&](Status s) { result = std::move(s); });
    EXPECT_TRUE(run_until(loop_, [&] { return result.has_value(); }));
    return result && !*result ? result->error().message() : std::string("success");
  };
  EXPECT_EQ(run_once(), "health check /usr/bin/check: no result within 50.0 ms");
  EXPECT_THAT(run_once(), HasSubstr("the command of the previous check still runs"));
  EXPECT_EQ(started.size(), 1U);
  started[0]({});  // too late to count, but the way is free again
  EXPECT_THAT(run_once(), HasSubstr("no result within"));
  EXPECT_EQ(started.size(), 2U);
}

}  // namespace
}  // namespace nines::supervise
