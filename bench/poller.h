// Polls tests/targets/echo_server until an instance answers that is not the old one, in a way that
// is the same, and fair, for every supervisor.
#pragma once

#include <netinet/in.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace nines::bench {

using Clock = std::chrono::steady_clock;

/// The server's answer to "P".
struct Answer {
  int pid = 0;
  bool filled = false;  ///< it has all the memory that it was told to fill
};

/// @return nullopt when `line` is no such answer.
std::optional<Answer> parse_answer(const std::string& line);

sockaddr_in loopback(std::uint16_t port);

/// One connection that asks "P" and waits for the line. Never blocks.
class Probe {
 public:
  enum class State { kIdle, kConnecting, kWaiting, kAnswered, kRefused, kReset };

  void open(std::uint16_t port, Clock::time_point give_up_at);
  /// Takes what poll(2) said of this connection one step further.
  void advance();
  void close() { finish(State::kIdle); }

  State state() const { return state_; }
  bool is_open() const { return fd_.valid(); }
  bool overdue(Clock::time_point now) const { return is_open() && now >= give_up_at_; }
  const std::string& line() const { return line_; }
  pollfd poll_entry() const;

 private:
  void ask();
  void receive();
  void finish(State state);

  UniqueFd fd_;
  State state_ = State::kIdle;
  Clock::time_point give_up_at_;
  std::string line_;
};

/// Every 400 µs it opens one more connection, unless kSlots are waiting already; the first that a
/// new instance answers ends it. More often, and with more of them, it would take the CPU from what
/// it measures.
///  - Slot 0 waits as long as it takes: with a held listener that connection is in the successor's
///    queue, and giving it up would only measure our own impatience.
///  - The other one gives up after 10 ms, doubling to 500 ms: where a connection hangs in the
///    queue of the dying process, later ones must find the new listener, without filling that
///    queue.
/// A refused or reset connection frees its slot at once.
class Poller {
 public:
  struct Counts {
    long refused = 0;
    long hung = 0;
    long reset = 0;
    long stale = 0;  ///< answers that the old instance still gave
  };

  explicit Poller(std::uint16_t port);

  /// @return nullopt when there was none by `limit`.
  std::optional<Answer> wait_for_other_than(int old_pid, Clock::time_point limit);
  const Counts& counts() const { return counts_; }

 private:
  static constexpr std::size_t kSlots = 2;

  void open_one(Clock::time_point now);
  void give_up_overdue(Clock::time_point now);
  void wait_until(Clock::time_point deadline);
  std::optional<Answer> collect(int old_pid);

  std::uint16_t port_;
  std::array<Probe, kSlots> probes_;
  std::array<std::chrono::milliseconds, kSlots> patience_;
  Counts counts_;
};

}  // namespace nines::bench
