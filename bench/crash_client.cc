// Crashes tests/targets/echo_server and times how long a client goes unanswered: from just before
// the crash command leaves until the first line from another instance is read.
//
//   crash_client PORT [--runs N] [--gap-ms MS] [--limit-ms MS] [--command LINE]
//
// One JSON object a run: {"run", "ms" (null: not within the limit), "refused", "hung", "reset",
// "stale", "old_pid", "new_pid"}. Exit 0 when every run recovered, 1 otherwise. How it polls is
// said in poller.h.
#include <fmt/core.h>
#include <getopt.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/unique_fd.h"
#include "poller.h"

namespace {

using nines::UniqueFd;
using nines::bench::Answer;
using nines::bench::Clock;
using nines::bench::loopback;
using nines::bench::Poller;
using std::chrono::milliseconds;

struct Options {
  std::uint16_t port = 0;
  int runs = 1;
  milliseconds gap{1500};
  milliseconds limit{60000};
  std::string command = "C";
};

/// A blocking conversation with whichever instance accepts it.
class Conversation {
 public:
  static std::optional<Conversation> open(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval timeout{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    const sockaddr_in address = loopback(port);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
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
    return nines::bench::parse_answer(buffer.data());
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
  const Poller::Counts& counts = poller.counts();
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
      case 'r': options.runs = static_cast<int>(number(optarg)); break;
      case 'g': options.gap = milliseconds(number(optarg)); break;
      case 'l': options.limit = milliseconds(number(optarg)); break;
      case 'c': options.command = optarg; break;
      default: usage();
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
  ::prctl(PR_SET_TIMERSLACK, 1);  // the default 50 µs would blur a 400 µs pause
  // A real client has a machine of its own. Here it shares a CPU with the dying server, and would
  // notice the successor only when the kernel has taken that one's memory apart. Without the
  // privilege it measures that as well.
  const sched_param priority{1};
  (void)::sched_setscheduler(0, SCHED_FIFO, &priority);
  int failed = 0;
  for (int run = 0; run < options.runs; ++run) failed += run_once(options, run) ? 0 : 1;
  return failed == 0 ? 0 : 1;
}
