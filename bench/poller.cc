#include "poller.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace nines::bench {
namespace {

constexpr auto kPause = std::chrono::microseconds(400);
constexpr auto kFirstPatience = std::chrono::milliseconds(10);
constexpr auto kLastPatience = std::chrono::milliseconds(500);

}  // namespace

std::optional<Answer> parse_answer(const std::string& line) {
  Answer answer;
  int filled = 0;
  if (std::sscanf(line.c_str(), "%d %d", &answer.pid, &filled) != 2) return std::nullopt;
  answer.filled = filled == 1;
  return answer;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void Probe::open(std::uint16_t port, Clock::time_point give_up_at) {
  line_.clear();
  give_up_at_ = give_up_at;
  fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in address = loopback(port);
  state_ = State::kConnecting;
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    ask();
  } else if (errno != EINPROGRESS) {
    finish(State::kRefused);
  }
}

void Probe::advance() {
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

pollfd Probe::poll_entry() const {
  const short events = state_ == State::kConnecting ? POLLOUT : POLLIN;
  return {fd_.get(), events, 0};
}

void Probe::ask() {
  state_ = State::kWaiting;
  if (::send(fd_.get(), "P\n", 2, MSG_NOSIGNAL) != 2) finish(State::kReset);
}

void Probe::receive() {
  std::array<char, 128> buffer;
  const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return finish(State::kReset);
  line_.append(buffer.data(), static_cast<std::size_t>(n));
  if (line_.back() == '\n') finish(State::kAnswered);
}

void Probe::finish(State state) {
  state_ = state;
  fd_.reset();
}

Poller::Poller(std::uint16_t port) : port_(port) {
  patience_.fill(kFirstPatience);
}

std::optional<Answer> Poller::wait_for_other_than(int old_pid, Clock::time_point limit) {
  Clock::time_point next_open = Clock::now();
  for (Clock::time_point now = next_open; now < limit; now = Clock::now()) {
    give_up_overdue(now);
    if (now >= next_open) {
      open_one(now);
      next_open = now + kPause;
    }
    if (auto answer = collect(old_pid)) return answer;
    wait_until(next_open);
    if (auto answer = collect(old_pid)) return answer;
  }
  return std::nullopt;
}

void Poller::open_one(Clock::time_point now) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (probes_[i].is_open()) continue;
    probes_[i].open(port_, i == 0 ? Clock::time_point::max() : now + patience_[i]);
    return;
  }
}

void Poller::give_up_overdue(Clock::time_point now) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (!probes_[i].overdue(now)) continue;
    probes_[i].close();
    patience_[i] = std::min(patience_[i] * 2, kLastPatience);
    ++counts_.hung;
  }
}

/// Waits until a connection has something to say, at most until `deadline`.
void Poller::wait_until(Clock::time_point deadline) {
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
std::optional<Answer> Poller::collect(int old_pid) {
  for (Probe& probe : probes_) {
    switch (probe.state()) {
      case Probe::State::kRefused: ++counts_.refused; break;
      case Probe::State::kReset: ++counts_.reset; break;
      case Probe::State::kAnswered: {
        const auto answer = parse_answer(probe.line());
        if (answer && answer->pid != old_pid) return answer;
        ++counts_.stale;
        break;
      }
      default: continue;
    }
    probe.close();
  }
  return std::nullopt;
}

}  // namespace nines::bench
