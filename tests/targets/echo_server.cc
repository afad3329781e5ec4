// A small TCP server that dies on request. One thread answers; each line is a command:
//   P       "PID READY\n": READY is 1 once its memory is filled
//   E text  "text\n"
//   M n     fills n MiB more, then "ok\n"
//   C       null dereference (SIGSEGV)      A    abort()
//   X n     exit(n)                         S n  raise(n)
//   H       hangs: alive, but answers nobody any more
// With WATCHDOG_USEC it feeds its watchdog for as long as it answers.
// It listens on what it inherits (LISTEN_FDS, or --fd N), otherwise on 127.0.0.1:PORT.
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <thread>
#include <vector>

#include "target.h"

namespace {

constexpr const char* kUsageText =
    "echo_server PORT | --fd N [--mib N] [--fill start|background] [--notify] [--notify-fd N]\n"
    "            [--core off|unlimited] [--die-with COMMAND [--die-after MS]]\n"
    "  --fill start       (default) fills its memory before it listens\n"
    "  --fill background  answers at once and fills meanwhile, as a cache does\n"
    "  --notify           NOTIFY_SOCKET must be set (READY=1 is sent whenever it is)\n"
    "  --notify-fd N      writes a newline to fd N when ready, as s6 wants it\n"
    "  --die-with CMD     behaves as if CMD had been received, --die-after MS after the start";

struct Options {
  int port = 0;
  int fd = -1;
  std::size_t mib = 0;
  bool background = false;
  bool must_notify = false;
  int notify_fd = -1;
  std::string die_with;
  int die_after_ms = -1;
};

std::atomic<bool> filled{false};

void limit_core(const std::string& mode) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) target::die("getrlimit");
  if (mode == "off") {
    limit.rlim_cur = 0;
  } else if (mode == "unlimited") {
    limit.rlim_cur = limit.rlim_max;
  } else {
    target::usage(kUsageText);
  }
  if (::setrlimit(RLIMIT_CORE, &limit) != 0) target::die("setrlimit");
}

Options parse(int argc, char** argv) {
  enum { kFd = 256, kMib, kFill, kNotify, kNotifyFd, kCore, kDieWith, kDieAfter };
  const option table[] = {
      {"fd", required_argument, nullptr, kFd},
      {"mib", required_argument, nullptr, kMib},
      {"fill", required_argument, nullptr, kFill},
      {"notify", no_argument, nullptr, kNotify},
      {"notify-fd", required_argument, nullptr, kNotifyFd},
      {"core", required_argument, nullptr, kCore},
      {"die-with", required_argument, nullptr, kDieWith},
      {"die-after", required_argument, nullptr, kDieAfter},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case kFd: options.fd = static_cast<int>(target::number(optarg)); break;
      case kMib: options.mib = static_cast<std::size_t>(target::number(optarg)); break;
      case kFill: options.background = std::string(optarg) == "background"; break;
      case kNotify: options.must_notify = true; break;
      case kNotifyFd: options.notify_fd = static_cast<int>(target::number(optarg)); break;
      case kCore: limit_core(optarg); break;
      case kDieWith: options.die_with = optarg; break;
      case kDieAfter: options.die_after_ms = static_cast<int>(target::number(optarg)); break;
      default: target::usage(kUsageText);
    }
  }
  if (optind < argc) options.port = static_cast<int>(target::number(argv[optind++]));
  if (optind != argc) target::usage(kUsageText);
  return options;
}

int listener(const Options& options) {
  if (options.fd >= 0) return options.fd;
  if (target::inherited_fds() > 0) return 3;
  if (options.port <= 0 || options.port > 65535) target::usage(kUsageText);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) target::die("socket");
  const int one = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
    target::die("SO_REUSEADDR");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) target::die("bind");
  if (::listen(fd, 4096) != 0) target::die("listen");
  return fd;
}

void null_dereference() {
  volatile int* nowhere = nullptr;
  // Takes from the compiler what it knows of the pointer: a store that it can prove to be undefined
  // it may leave out, and GCC 12 does so with -Og (store volatile) and -O2 (pointer volatile).
  asm volatile("" : "+r"(nowhere));
  *nowhere = 1;
}

/// @return the answer; some commands do not come back.
std::string execute(const std::string& line) {
  const char command = line.empty() ? '\0' : line[0];
  const std::string argument = line.size() > 2 ? line.substr(2) : "";
  switch (command) {
    case 'P': return std::to_string(::getpid()) + (filled ? " 1\n" : " 0\n");
    case 'E': return argument + "\n";
    case 'M':
      if (target::fill_memory(static_cast<std::size_t>(target::number(argument.c_str()))) ==
          nullptr) {
        return "no memory\n";
      }
      return "ok\n";
    case 'C': null_dereference(); break;
    case 'A': std::abort();
    case 'X': std::_Exit(static_cast<int>(target::number(argument.c_str())));
    case 'S': std::raise(static_cast<int>(target::number(argument.c_str()))); return "survived\n";
    case 'H': target::wait_forever();
    default: break;
  }
  return "unknown command\n";
}

struct Client {
  std::string input;
};

/// Answers every whole line of a client. @return false when the connection is over.
bool serve(int fd, Client& client) {
  char buffer[4096];
  const ssize_t n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) return false;
  client.input.append(buffer, static_cast<std::size_t>(n));
  for (std::size_t end; (end = client.input.find('\n')) != std::string::npos;) {
    const std::string answer = execute(client.input.substr(0, end));
    client.input.erase(0, end + 1);
    if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return false;
  }
  return client.input.size() < sizeof buffer;
}

void accept_all(int listen_fd, std::map<int, Client>& clients) {
  for (;;) {
    const int fd = ::accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    // Served at once: most clients have sent their line by now, which saves a poll.
    if (Client client; serve(fd, client)) {
      clients.emplace(fd, std::move(client));
    } else {
      ::close(fd);
    }
  }
}

/// @return what is left for poll(2) until `deadline`, -1 (for ever) when there is none.
int remaining_ms(std::chrono::steady_clock::time_point deadline) {
  if (deadline == std::chrono::steady_clock::time_point::max()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

/// @return how often to feed the watchdog, in ms; -1: never.
int watchdog_ms() {
  const char* interval = std::getenv("WATCHDOG_USEC");
  if (interval == nullptr) return -1;
  return static_cast<int>(std::max(1L, target::number(interval) / 1000 / 3));
}

[[noreturn]] void serve_forever(int listen_fd, const Options& options) {
  // A shared listener may be drained by another process between poll and accept.
  ::fcntl(listen_fd, F_SETFL, ::fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
  const int watchdog = watchdog_ms();
  std::map<int, Client> clients;
  std::vector<pollfd> fds;
  auto deadline = std::chrono::steady_clock::time_point::max();
  if (options.die_after_ms >= 0) {
    deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options.die_after_ms);
  }
  for (;;) {
    fds.assign(1, pollfd{listen_fd, POLLIN, 0});
    for (const auto& [fd, client] : clients) fds.push_back({fd, POLLIN, 0});
    int timeout_ms = remaining_ms(deadline);
    if (watchdog > 0) {
      target::notify("WATCHDOG=1");
      if (timeout_ms < 0 || timeout_ms > watchdog) timeout_ms = watchdog;
    }
    const int ready = ::poll(fds.data(), fds.size(), timeout_ms);
    if (ready < 0 && errno != EINTR) target::die("poll");
    if (std::chrono::steady_clock::now() >= deadline) {
      deadline = std::chrono::steady_clock::time_point::max();
      execute(options.die_with);
    }
    if (ready <= 0) continue;
    for (std::size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents == 0 || serve(fds[i].fd, clients[fds[i].fd])) continue;
      ::close(fds[i].fd);
      clients.erase(fds[i].fd);
    }
    if (fds[0].revents != 0) accept_all(listen_fd, clients);
  }
}

void announce(const Options& options) {
  if (!target::notify("READY=1\nSTATUS=answering") && options.must_notify) {
    errno = EDESTADDRREQ;
    target::die("NOTIFY_SOCKET");
  }
  if (options.notify_fd >= 0) {
    target::write_all(options.notify_fd, "\n");
    ::close(options.notify_fd);
  }
}

void fill(std::size_t mib) {
  if (mib > 0 && target::fill_memory(mib) == nullptr) target::die("mmap");
  filled = true;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.die_after_ms < 0 && !options.die_with.empty()) execute(options.die_with);
  if (!options.background) fill(options.mib);
  const int listen_fd = listener(options);
  announce(options);
  if (options.background) std::thread(fill, options.mib).detach();
  serve_forever(listen_fd, options);
}
