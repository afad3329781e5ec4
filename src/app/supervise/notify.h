// The sd_notify protocol: what a unit tells its supervisor about itself.
//
// One datagram is a list of NAME=VALUE lines, with descriptors beside it. Whoever can reach the
// socket can send anything, so the parser takes every byte as hostile and the receiver says only
// who sent it; whether that process may speak for a unit is the manager's decision.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/event_loop.h"
#include "sys/unix_socket.h"

namespace nines::supervise {

/// One message. Fields that were not sent are false or empty.
struct NotifyMessage {
  bool ready = false;
  bool reloading = false;
  bool stopping = false;
  bool watchdog_ping = false;     ///< WATCHDOG=1
  bool watchdog_trigger = false;  ///< WATCHDOG=trigger: treat it as a missed deadline, now
  bool fd_store = false;          ///< FDSTORE=1: keep the descriptors that came along
  bool fd_store_remove = false;   ///< FDSTOREREMOVE=1: let those named `fd_name` go
  bool fd_poll = true;            ///< false with FDPOLL=0: keep it even after POLLHUP or POLLERR
  bool barrier = false;           ///< BARRIER=1; answered by NotifySocket itself
  std::string fd_name;            ///< FDNAME=: 1..255 printable ASCII characters, no ':'
  std::optional<pid_t> main_pid;
  /// Valid UTF-8, control characters replaced by '?'. Present and empty: the status is cleared.
  std::optional<std::string> status;
  std::optional<int> error_number;               ///< ERRNO=, 0..4095
  std::optional<int> exit_status;                ///< EXIT_STATUS=, 0..255
  std::optional<Nanoseconds> watchdog_interval;  ///< WATCHDOG_USEC=, at most kMaxNotifySpan
  std::optional<Nanoseconds> extend_timeout;     ///< EXTEND_TIMEOUT_USEC=, same bound
  std::optional<std::uint64_t> monotonic_usec;   ///< MONOTONIC_USEC=, CLOCK_MONOTONIC of the sender
  std::vector<std::string_view> malformed_fields;  ///< known names whose value made no sense
};

/// A longer datagram is refused, as by systemd. @source systemd NOTIFY_BUFFER_MAX, PIPE_BUF
inline constexpr std::size_t kMaxNotifyBytes = 4096;
/// Larger spans mean "for ever" and are cut to this, so that adding them to a time cannot overflow.
inline constexpr Nanoseconds kMaxNotifySpan = std::chrono::hours(24 * 365 * 100);

/// Parses one datagram. Unknown fields are ignored; a known field with a value that makes no sense
/// is listed in `malformed_fields` and does not take the rest of the message with it. Of a field
/// sent twice the first counts.
/// @errors kLimit: longer than kMaxNotifyBytes. kCorrupt: a NUL byte other than one at the end.
/// @source sd_notify(3)
Result<NotifyMessage> parse_notify(std::string_view datagram);

/// The receiving end. One socket serves all units; the keeper holds it while no worker lives, so
/// that messages sent meanwhile wait in it.
class NotifySocket {
 public:
  /// `fds` are those sent with FDSTORE=1, and none otherwise.
  using Handler =
      std::function<void(NotifyMessage, const sys::PeerCredentials&, std::vector<UniqueFd> fds)>;

  /// Binds a new socket that every user may send to (mode 0666), replacing a stale one.
  /// @errors those of sys::bind_unix.
  static Result<NotifySocket> bind(const std::string& path);
  /// Takes over a socket bound before, e.g. by a previous worker.
  /// @errors kInvalidArgument: not a unix datagram socket.
  static Result<NotifySocket> adopt(UniqueFd socket);

  NotifySocket(NotifySocket&&) noexcept;
  NotifySocket& operator=(NotifySocket&&) noexcept;
  ~NotifySocket();  ///< closes our descriptor; the path stays

  /// Calls `handler` for each valid message from now on, in order, a bounded number per wake-up.
  /// The handler may destroy the NotifySocket.
  void start(sys::EventLoop& loop, Handler handler);

  /// Receives what waits right now (bounded as in start). For a last look before a process's exit
  /// is judged: its final message may be in the socket already.
  /// @pre start() was called.
  void drain();

  int fd() const;  ///< to be stored with the keeper
  /// Messages thrown away: truncated, without credentials, or not of this protocol.
  std::uint64_t dropped() const;

 private:
  struct State;
  explicit NotifySocket(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace nines::supervise
