// What happens after a service went down: pure rules, systemd's where systemd has one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/supervise/restart_state.h"
#include "app/unit/spec.h"
#include "base/clock.h"
#include "sys/pidfd.h"

namespace nines::supervise {

/// How one run of a service ended.
enum class Outcome : std::uint8_t {
  kSuccess,
  kExitCode,
  kSignal,
  kCoreDump,
  kWatchdog,
  kTimeout,
  kOomKill,
  kUnhealthy,    ///< its health check failed, so we ended it
  kStartFailed,  ///< it could not be executed
  kUnknown,      ///< it ended while nobody could read its exit status
  kProtocol,     ///< no READY=1, no usable PIDFile= ...
  kSkipped,      ///< ExecCondition= said no
};

/// @return the word that ExecStopPost= finds in $SERVICE_RESULT, e.g. "core-dump"; also part of the
///         JSON API. @source systemd.exec(5), table 5
std::string_view to_string(Outcome outcome);

/// What the supervisor knows besides the exit status.
struct ExitCircumstances {
  /// Why we ended it ourselves (kWatchdog, kTimeout, kUnhealthy) or why there is no run to judge
  /// (kStartFailed, kProtocol, kSkipped). It decides: a service that answers the watchdog's SIGABRT
  /// with exit code 0 has not become healthy by that.
  std::optional<Outcome> cause;
  bool oom_killed = false;      ///< the unit's cgroup counted an OOM kill during this run
  bool ignore_failure = false;  ///< '-' before the command line
};

/// Judges a main process's end. Clean: exit code 0, and (but for Type=oneshot) the signals HUP,
/// INT, TERM, PIPE, and what SuccessExitStatus= adds; a core dump is never clean.
/// @source systemd.service(5), SuccessExitStatus=
Outcome classify(const unit::ServiceUnit& service, const sys::ExitStatus& status,
                 const ExitCircumstances& circumstances = {});

/// What to do now.
struct RestartDecision {
  enum class Kind : std::uint8_t {
    kStayDown,  ///< the unit does not want to be restarted after this
    kRestart,   ///< after `delay`
    kGiveUp,    ///< it would be restarted, but its start limit is hit
  };
  Kind kind = Kind::kStayDown;
  Nanoseconds delay{0};
  std::string reason;       ///< for people: "Restart=on-failure does not cover success"
  bool same_crash = false;  ///< `delay` is longer since it crashes the same way again and again
};

/// The policy in force: Restart=, or where unset `always`, for oneshot `no`.
unit::RestartPolicy effective_policy(const unit::ServiceSection& service);

/// Restart='s table alone, without exceptions. Ours beyond systemd's rows: kUnhealthy is treated as
/// kWatchdog; kUnknown as a failure that is neither an exit code nor a signal; kStartFailed as an
/// exit code, which is what systemd makes of it (200 to 243).
/// @source systemd.service(5), table 2
bool policy_restarts(unit::RestartPolicy policy, Outcome outcome);

/// Whether the unit does not want to be restarted after this end, its exit status lists included.
bool stays_down(const unit::ServiceSection& service, Outcome outcome,
                const sys::ExitStatus& status);

/// Delay before the restart number `attempt` (0: the first in a row).
///  - RestartSec= unset: none, then 100 ms, doubling, up to RestartMaxDelaySec= or 30 s.
///  - RestartSec= set: that. With RestartSteps= and RestartMaxDelaySec= it grows geometrically from
///    the one to the other in so many steps. RestartSteps= without RestartSec= grows from 100 ms.
/// No jitter: one unit's restart does not compete with those of other hosts.
/// @source systemd's service_restart_usec_next(), 254 and later
Nanoseconds restart_delay(const unit::ServiceSection& service, unsigned attempt);

/// Decides after an unplanned end of the main process (or a failed start), and counts it.
/// @pre    not called for a stop that was asked for.
/// @param  uptime  from ready to its end; at least HealthyUptime= makes this the first in a row,
///         unless it crashes the same way again and again.
/// @param  state   attempt and total_restarts are advanced when the decision is kRestart.
///         The start itself is recorded by record_start(), when it happens.
RestartDecision decide(const unit::Unit& unit, Outcome outcome, const sys::ExitStatus& status,
                       Nanoseconds uptime, BootTime now, RestartState& state);

}  // namespace nines::supervise
