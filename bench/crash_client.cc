// Crashes tests/targets/echo_server and times how long a client goes unanswered: from just before
// the crash command leaves until the first line from another instance is read.
//
//   crash_client PORT [--runs N] [--gap-ms MS] [--limit-ms MS] [--command LINE]
//
// One JSON object a run: {"run", "ms" (null: not within the limit), "refused", "hung", "reset",
// "stale", "old_pid", "new_pid"}. Exit 0 when every run recovered, 1 otherwise.
//
// How it polls, the same for every supervisor. Every 100 µs it opens one more connection, unless
// kSlots are waiting already; the first that a new instance answers ends the run.
//  - Slot 0 waits as long as it takes: with a held listener that connection is in the successor's
//    queue, and giving it up would only measure our own impatience.
//  - The other slots give up after 10 ms, doubling to 500 ms: where a connection hangs in the queue
//    of the dying process, later ones must find the new listener, without filling that queue.
// A refused or reset connection frees its slot at once.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "base/unique_fd.h"

namespace {

using nines::UniqueFd;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kPause = std::chrono::microseconds(100);
constexpr auto kFirstPatience = milliseconds(10);
constexpr auto kLastPatience = milliseconds(500);
constexpr std::size_t kSlots = 4;

struct Options {
  std::uint16_t port = 0;
  int runs = 1;
  milliseconds gap{1500};
  milliseconds limit{60000};
  std::string command = "C";
};

/// The server's answer to "P".
struct Answer {
  int pid = 0;
  bool filled = false;
};

std::optional<Answer> parse_answer(const std::string& line) {
  Answer answer;
  int filled = 0;
  if (std::sscanf(line.c_str(), "%d %d", &answer.pid, &filled) != 2) return std::nullopt;
  answer.filled = filled == 1;
  return answer;
}

/// One connection that asks "P" and waits for the line.
class Probe {
 public:
  enum class State { kIdle, kConnecting, kWaiting, kAnswered, kRefused, kReset };

  void open(std::uint16_t port, Clock::time_point give_up_at) {
    line_.clear();
    give_up_at_ = give_up_at;
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    state_ = State::kConnecting;
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      ask();
    } else if (errno != EINPROGRESS) {
      finish(State::kRefused);
    }
  }

  /// Takes what poll(2) said of this connection one step further.
  void advance() {
    if (state_ == State::kConnecting) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return finish(State::kRefused);
      ask();
    } else if (state_ == State::kWaiting) {
      receive();
    }
  }

  void close() { finish(State::kIdle); }

  State state() const { return state_; }
  bool open_now() const { return fd_.valid(); }
  bool overdue(Clock::time_point now) const { return open_now() && now >= give_up_at_; }
  const std::string& line() const { return line_; }
  pollfd poll_entry() const {
    return {fd_.get(), static_cast<short>(state_ == State::kConnecting ? POLLOUT : POLLIN), 0};
  }

 private:
  void ask() {
    state_ = State::kWaiting;
    if (::send(fd_.get(), "P\n", 2, MSG_NOSIGNAL) != 2) finish(State::kReset);
  }

  void receive() {
    std::array<char, 128> buffer;
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return finish(State::kReset);
    line_.append(buffer.data(), static_cast<std::size_t>(n));
    if (line_.back() == '\n') finish(State::kAnswered);
  }

  void finish(State state) {
    state_ = state;
    fd_.reset();
  }

  UniqueFd fd_;
  State state_ = State::kIdle;
  Clock::time_point give_up_at_;
  std::string line_;
};

struct Counts {
  long refused = 0;
  long hung = 0;
  long reset = 0;
  long stale = 0;  ///< answers that the old instance still gave
};

/// Polls with several connections until an instance other than `old_pid` answers.
class Poller {
 public:
  explicit Poller(std::uint16_t port) : port_(port) { patience_.fill(kFirstPatience); }

  std::optional<Answer> wait_for_other_than(int old_pid, Clock::time_point limit) {
    Clock::time_point next_open = Clock::now();
    for (Clock::time_point now = next_open; now < limit; now = Clock::now()) {
      give_up_overdue(now);
      if (now >= next_open) {
        open_one(now);
        next_open = now + kPause;
      }
      if (auto answer = collect(old_pid)) return answer;
      sleep_until(next_open);
      if (auto answer = collect(old_pid)) return answer;
    }
    return std::nullopt;
  }

  const Counts& counts() const { return counts_; }

 private:
  void open_one(Clock::time_point now) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (probes_[i].open_now()) continue;
      probes_[i].open(port_, i == 0 ? Clock::time_point::max() : now + patience_[i]);
      return;
    }
  }

  void give_up_overdue(Clock::time_point now) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (!probes_[i].overdue(now)) continue;
      probes_[i].close();
      patience_[i] = std::min(patience_[i] * 2, kLastPatience);
      ++counts_.hung;
    }
  }

  /// Waits until a connection has something to say, at most until `deadline`.
  void sleep_until(Clock::time_point deadline) {
    std::array<pollfd, kSlots> fds;
    for (std::size_t i = 0; i < kSlots; ++i) fds[i] = probes_[i].poll_entry();
    const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
    const timespec timeout{0, static_cast<long>(std::chrono::nanoseconds(left).count())};
    if (::ppoll(fds.data(), fds.size(), &timeout, nullptr) <= 0) return;
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (fds[i].revents != 0) probes_[i].advance();
    }
  }

  /// Counts and empties the slots that came to an end. @return the new instance's answer.
  std::optional<Answer> collect(int old_pid) {
    for (Probe& probe : probes_) {
      switch (probe.state()) {
        case Probe::State::kRefused:
          ++counts_.refused;
          break;
        case Probe::State::kReset:
          ++counts_.reset;
          break;
        case Probe::State::kAnswered: {
          const auto answer = parse_answer(probe.line());
          if (answer && answer->pid != old_pid) return answer;
          ++counts_.stale;
          break;
        }
        default:
          continue;
      }
      probe.close();
    }
    return std::nullopt;
  }

  std::uint16_t port_;
  std::array<Probe, kSlots> probes_;
  std::array<milliseconds, kSlots> patience_;
  Counts counts_;
};

/// A blocking conversation with whichever instance accepts it.
class Conversation {
 public:
  static std::optional<Conversation> open(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval timeout{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return std::nullopt;
    }
    return Conversation(std::move(fd));
  }

  bool say(const std::string& line) {
    const std::string text = line + "\n";
    return ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  std::optional<Answer> ask() {
    std::array<char, 128> buffer{};
    if (!say("P")) return std::nullopt;
    if (::recv(fd_.get(), buffer.data(), buffer.size() - 1, 0) <= 0) return std::nullopt;
    return parse_answer(buffer.data());
  }

 private:
  explicit Conversation(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Waits for an instance that has all its memory. @return false when there is none by `limit`.
bool wait_until_filled(std::uint16_t port, Clock::time_point limit) {
  for (; Clock::now() < limit; std::this_thread::sleep_for(milliseconds(5))) {
    auto conversation = Conversation::open(port);
    if (!conversation) continue;
    const auto answer = conversation->ask();
    if (answer && answer->filled) return true;
  }
  return false;
}

/// One crash. @return true when a new instance answered.
bool run_once(const Options& options, int run) {
  if (!wait_until_filled(options.port, Clock::now() + options.limit)) {
    fmt::print(stderr, "crash_client: nobody is ready on port {}\n", options.port);
    return false;
  }
  std::this_thread::sleep_for(options.gap);
  // Pid and command on one connection: with several instances on one listener it is the one that
  // told its pid that dies.
  auto victim = Conversation::open(options.port);
  const auto old_answer = victim ? victim->ask() : std::nullopt;
  if (!old_answer) {
    fmt::print(stderr, "crash_client: the server stopped answering before the crash\n");
    return false;
  }
  Poller poller(options.port);
  const Clock::time_point start = Clock::now();
  victim->say(options.command);
  const auto answer = poller.wait_for_other_than(old_answer->pid, start + options.limit);
  const std::chrono::duration<double, std::milli> took = Clock::now() - start;
  const Counts& counts = poller.counts();
  fmt::print(R"({{"run": {}, "ms": {}, "refused": {}, "hung": {}, "reset": {}, "stale": {}, )"
             R"("old_pid": {}, "new_pid": {}}})"
             "\n",
             run, answer ? fmt::format("{:.3f}", took.count()) : "null", counts.refused,
             counts.hung, counts.reset, counts.stale, old_answer->pid, answer ? answer->pid : 0);
  std::fflush(stdout);
  return answer.has_value();
}

[[noreturn]] void usage() {
  fmt::print(stderr,
             "usage: crash_client PORT [--runs N] [--gap-ms MS] [--limit-ms MS] [--command LINE]\n"
             "  --gap-ms   quiet time between ready and the crash (default 1500)\n"
             "  --limit-ms gives a run up (default 60000)\n"
             "  --command  what kills: C (default), A, \"X 1\", \"S 9\", H\n");
  std::exit(64);
}

long number(const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 0) usage();
  return value;
}

Options parse(int argc, char** argv) {
  const option table[] = {{"runs", required_argument, nullptr, 'r'},
                          {"gap-ms", required_argument, nullptr, 'g'},
                          {"limit-ms", required_argument, nullptr, 'l'},
                          {"command", required_argument, nullptr, 'c'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case 'r':
        options.runs = static_cast<int>(number(optarg));
        break;
      case 'g':
        options.gap = milliseconds(number(optarg));
        break;
      case 'l':
        options.limit = milliseconds(number(optarg));
        break;
      case 'c':
        options.command = optarg;
        break;
      default:
        usage();
    }
  }
  if (optind + 1 != argc) usage();
  const long port = number(argv[optind]);
  if (port < 1 || port > 65535) usage();
  options.port = static_cast<std::uint16_t>(port);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_TIMERSLACK, 1);  // the default 50 µs would blur a 100 µs pause
  int failed = 0;
  for (int run = 0; run < options.runs; ++run) failed += run_once(options, run) ? 0 : 1;
  return failed == 0 ? 0 : 1;
}
