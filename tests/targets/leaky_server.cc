// A TCP server that leaks, and that ends as a good server does: at SIGTERM it accepts nobody any
// more, answers whom it has accepted, and exits with 0. Each line is answered with "PID line\n".
// It listens on what it inherits (LISTEN_FDS), otherwise on 127.0.0.1:PORT.
//   --kib-per-s N, --fds-per-s N   what it leaks all the time
//   --deaf                         from its start on it answers nobody (a bad release)
//   --slow-end MS                  stays that long after SIGTERM, still answering whom it has
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "target.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kUsageText =
    "leaky_server [PORT] [--kib-per-s N] [--fds-per-s N] [--deaf] [--slow-end MS]";

struct Options {
  int port = 0;
  long kib = 0;
  long fds = 0;
  bool deaf = false;
  long slow_end_ms = 0;
};

Options parse(int argc, char** argv) {
  enum { kKib = 256, kFds, kDeaf, kSlowEnd };
  const option table[] = {{"kib-per-s", required_argument, nullptr, kKib},
                          {"fds-per-s", required_argument, nullptr, kFds},
                          {"deaf", no_argument, nullptr, kDeaf},
                          {"slow-end", required_argument, nullptr, kSlowEnd},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case kKib: options.kib = target::number(optarg); break;
      case kFds: options.fds = target::number(optarg); break;
      case kDeaf: options.deaf = true; break;
      case kSlowEnd: options.slow_end_ms = target::number(optarg); break;
      default: target::usage(kUsageText);
    }
  }
  if (optind < argc) options.port = static_cast<int>(target::number(argv[optind++]));
  if (optind != argc) target::usage(kUsageText);
  return options;
}

int listener(const Options& options) {
  if (target::inherited_fds() > 0) return 3;
  if (options.port <= 0 || options.port > 65535) target::usage(kUsageText);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) {
    target::die("socket");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) target::die("bind");
  if (::listen(fd, 4096) != 0) target::die("listen");
  return fd;
}

/// What leaked since the last call, at so much a second.
class Leak {
 public:
  explicit Leak(const Options& options) : options_(options), began_(Clock::now()) {}

  void go_on() {
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    // Page by page: a block of this size comes from the heap, which has room for small ones.
    constexpr long kBlockKib = 4;
    for (; static_cast<double>(kib_ + kBlockKib) <= seconds * static_cast<double>(options_.kib);
         kib_ += kBlockKib) {
      auto* block = static_cast<char*>(::malloc(kBlockKib * 1024));
      if (block == nullptr) std::abort();
      for (long i = 0; i < kBlockKib * 1024; i += 512) block[i] = 1;
    }
    for (; static_cast<double>(fds_ + 1) <= seconds * static_cast<double>(options_.fds); ++fds_) {
      if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return;
    }
  }

 private:
  const Options& options_;
  Clock::time_point began_;
  long kib_ = 0;
  long fds_ = 0;
};

class Server {
 public:
  Server(int listener, const Options& options) : listener_(listener), options_(options) {
    // A shared listener may be drained by another process between poll and accept.
    ::fcntl(listener_, F_SETFL, ::fcntl(listener_, F_GETFL) | O_NONBLOCK);
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    term_ = ::signalfd(-1, &set, SFD_CLOEXEC);
    if (term_ < 0) target::die("signalfd");
  }

  void run() {
    Leak leak(options_);
    while (!ending_ || !clients_.empty() || Clock::now() < end_) {
      leak.go_on();
      std::vector<pollfd> fds = {{term_, POLLIN, 0}};
      if (!ending_) fds.push_back({listener_, POLLIN, 0});
      const std::size_t first = fds.size();
      for (const auto& [fd, input] : clients_) fds.push_back({fd, POLLIN, 0});
      ::poll(fds.data(), fds.size(), 50);
      for (std::size_t i = first; i < fds.size(); ++i) {
        if (fds[i].revents != 0) answer(fds[i].fd);
      }
      if (first > 1 && fds[1].revents != 0) accept_all();
      if (!ending_ && fds[0].revents != 0) {
        ending_ = true;
        end_ = Clock::now() + std::chrono::milliseconds(options_.slow_end_ms);
      }
    }
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      // Out of descriptors: clients wait in vain, as they do at a real server.
      if (fd < 0) return;
      clients_[fd];
    }
  }

  void answer(int fd) {
    char buffer[4096];
    std::string& input = clients_[fd];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) input.append(buffer, static_cast<std::size_t>(n));
    bool over = n <= 0 || input.size() > sizeof buffer;
    if (options_.deaf) input.clear();
    for (std::size_t end; (end = input.find('\n')) != std::string::npos;) {
      const std::string reply = std::to_string(::getpid()) + " " + input.substr(0, end + 1);
      input.erase(0, end + 1);
      if (::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) over = true;
      // One that stays connected is let go between two of its requests.
      if (ending_ && input.empty()) over = true;
    }
    if (!over) return;
    ::close(fd);
    clients_.erase(fd);
  }

  int listener_;
  int term_ = -1;
  const Options& options_;
  std::map<int, std::string> clients_;
  bool ending_ = false;
  Clock::time_point end_{};
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  Server server(listener(options), options);
  target::notify("READY=1");
  server.run();
}
