// Asks a running unit, from outside, whether it still serves.
#pragma once

#include <functional>
#include <memory>

#include "app/supervise/health_tracker.h"
#include "app/unit/spec.h"
#include "base/result.h"
#include "sys/event_loop.h"

namespace nines::supervise {

/// Runs a unit's HealthCheck=, one probe at a time, without ever blocking the loop.
///
/// tcp      Connects, sends `send` if there is any, then waits for `expect` to appear in the first
///          kMaxAnswerBytes of the answer. Without `expect` a finished connect is all it asks for,
///          and that is little: the kernel completes connections into the listen backlog of a
///          process that is stopped or hangs. Whoever wants hangs noticed sets HealthCheckExpect=.
/// http     GET over HTTP/1.1 with Connection: close; the status must lie in
///          [http_status_min, http_status_max]. The body is not looked at, redirects not followed.
/// command  Delegated to `run_command`; success is healthy.
///
/// The host is a numeric IPv4 or IPv6 address, "localhost" (::1 first, then 127.0.0.1), or
/// "unix:/path" or "unix:@abstract". Names are not resolved: DNS would block, and whether it
/// answers says nothing about this unit.
class HealthProbe {
 public:
  using Done = std::function<void(Status)>;
  /// Starts the command and calls back once, also when it was killed for taking too long.
  using RunCommand = std::function<void(Done)>;

  HealthProbe(sys::EventLoop& loop, unit::HealthCheck check, RunCommand run_command);
  ~HealthProbe();  ///< cancels
  HealthProbe(const HealthProbe&) = delete;
  HealthProbe& operator=(const HealthProbe&) = delete;

  /// Begins one probe; `done` is called exactly once, from the loop and never from within run(),
  /// unless cancel() comes first. It may destroy the probe or run() the next one.
  /// Errors say in one line what failed: "connect 127.0.0.1:6379: refused",
  /// "health check 127.0.0.1:6379: no answer within 2.0 s",
  /// "GET http://127.0.0.1:80/: HTTP 503 instead of 200-399".
  /// @errors kBusy: refused, or the previous probe (or its command, after a time-out) still runs.
  ///         kTimeout. kGone: connection lost. kCorrupt: not HTTP, or `expect` did not come.
  ///         kInvalidArgument: the check itself makes no sense. Others: from the system call.
  void run(Done done);

  /// Ends a running probe; its `done` will not be called. A command that was started goes on, and
  /// its result is ignored.
  void cancel();

  bool running() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// How much of an answer is read before the probe gives up looking for what it wants.
inline constexpr std::size_t kMaxAnswerBytes = 64 * 1024;

}  // namespace nines::supervise
