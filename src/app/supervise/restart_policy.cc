#include "app/supervise/restart_policy.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace nines::supervise {
namespace {

using unit::RestartPolicy;
using unit::ServiceSection;

constexpr Nanoseconds kBackoffBase = std::chrono::milliseconds(100);
constexpr Nanoseconds kBackoffCap = std::chrono::seconds(30);

bool contains(const unit::ExitStatusSet& set, const sys::ExitStatus& status) {
  if (status.kind == sys::ExitStatus::Kind::kExited) return set.codes.contains(status.value);
  return status.by_signal() && set.signals.contains(status.value);
}

/// Signals that ask a daemon to end: one without a handler for them ends as it was told to.
bool is_clean_signal(int signal) {
  return signal == SIGHUP || signal == SIGINT || signal == SIGTERM || signal == SIGPIPE;
}

bool is_clean(const ServiceSection& service, const sys::ExitStatus& status) {
  switch (status.kind) {
    case sys::ExitStatus::Kind::kExited:
      return status.value == 0 || contains(service.success_exit_status, status);
    case sys::ExitStatus::Kind::kKilled:
      return (service.type != unit::ServiceType::kOneshot && is_clean_signal(status.value)) ||
             contains(service.success_exit_status, status);
    case sys::ExitStatus::Kind::kDumped:
    case sys::ExitStatus::Kind::kUnknown: return false;
  }
  return false;
}

std::string_view policy_name(RestartPolicy policy) {
  switch (policy) {
    case RestartPolicy::kNo: return "no";
    case RestartPolicy::kAlways: return "always";
    case RestartPolicy::kOnSuccess: return "on-success";
    case RestartPolicy::kOnFailure: return "on-failure";
    case RestartPolicy::kOnAbnormal: return "on-abnormal";
    case RestartPolicy::kOnAbort: return "on-abort";
    case RestartPolicy::kOnWatchdog: return "on-watchdog";
  }
  return "?";
}

/// base * 2^n, never above `cap`.
Nanoseconds doubled(Nanoseconds base, unsigned n, unit::TimeSpan cap) {
  const Nanoseconds limit = cap.value_or(Nanoseconds::max());
  Nanoseconds delay = base;
  for (; n > 0 && delay < limit; --n) {
    delay = delay > Nanoseconds::max() / 2 ? Nanoseconds::max() : delay * 2;
  }
  return std::min(delay, limit);
}

/// Whether to restart, without when. The first rule that applies decides.
RestartDecision wanted(const ServiceSection& service, Outcome outcome,
                       const sys::ExitStatus& status) {
  using Kind = RestartDecision::Kind;
  const auto answer = [](Kind kind, std::string reason) {
    return RestartDecision{kind, Nanoseconds(0), std::move(reason), false};
  };
  if (outcome == Outcome::kSkipped) return answer(Kind::kStayDown, "ExecCondition= said no");
  if (service.remain_after_exit && outcome == Outcome::kSuccess) {
    return answer(Kind::kStayDown, "RemainAfterExit=yes: active without a process");
  }
  if (contains(service.restart_prevent, status)) {
    return answer(Kind::kStayDown, "RestartPreventExitStatus= lists " + to_string(status));
  }
  if (service.type == unit::ServiceType::kOneshot && outcome == Outcome::kSuccess) {
    return answer(Kind::kStayDown, "oneshot has done its work");
  }
  if (contains(service.restart_force, status)) {
    return answer(Kind::kRestart, "RestartForceExitStatus= lists " + to_string(status));
  }
  const RestartPolicy policy = effective_policy(service);
  const bool restarts = policy_restarts(policy, outcome);
  return answer(restarts ? Kind::kRestart : Kind::kStayDown,
                fmt::format("Restart={} {} {}", policy_name(policy),
                            restarts ? "after" : "excludes", to_string(outcome)));
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSuccess: return "success";
    case Outcome::kExitCode: return "exit-code";
    case Outcome::kSignal: return "signal";
    case Outcome::kCoreDump: return "core-dump";
    case Outcome::kWatchdog: return "watchdog";
    case Outcome::kTimeout: return "timeout";
    case Outcome::kOomKill: return "oom-kill";
    case Outcome::kUnhealthy: return "unhealthy";
    case Outcome::kStartFailed: return "resources";
    case Outcome::kUnknown: return "unknown";
    case Outcome::kProtocol: return "protocol";
    case Outcome::kSkipped: return "exec-condition";
  }
  return "unknown";
}

Outcome classify(const unit::ServiceUnit& service, const sys::ExitStatus& status,
                 const ExitCircumstances& circumstances) {
  if (circumstances.cause) return *circumstances.cause;
  const bool killed = status.kind == sys::ExitStatus::Kind::kKilled && status.value == SIGKILL;
  // The counter is the cgroup's: a helper's OOM kill does not explain the main process's own exit.
  const bool out_of_memory =
      circumstances.oom_killed && (killed || status.kind == sys::ExitStatus::Kind::kUnknown);
  if (out_of_memory) return Outcome::kOomKill;
  if (circumstances.ignore_failure || is_clean(service.service, status)) return Outcome::kSuccess;
  switch (status.kind) {
    case sys::ExitStatus::Kind::kExited: return Outcome::kExitCode;
    case sys::ExitStatus::Kind::kKilled: return Outcome::kSignal;
    case sys::ExitStatus::Kind::kDumped: return Outcome::kCoreDump;
    case sys::ExitStatus::Kind::kUnknown: break;
  }
  return Outcome::kUnknown;
}

RestartPolicy effective_policy(const ServiceSection& service) {
  if (service.restart) return *service.restart;
  return service.type == unit::ServiceType::kOneshot ? RestartPolicy::kNo : RestartPolicy::kAlways;
}

bool stays_down(const ServiceSection& service, Outcome outcome, const sys::ExitStatus& status) {
  return wanted(service, outcome, status).kind == RestartDecision::Kind::kStayDown;
}

bool policy_restarts(RestartPolicy policy, Outcome outcome) {
  if (outcome == Outcome::kSkipped) return false;
  switch (policy) {
    case RestartPolicy::kNo: return false;
    case RestartPolicy::kAlways: return true;
    case RestartPolicy::kOnSuccess: return outcome == Outcome::kSuccess;
    case RestartPolicy::kOnFailure: return outcome != Outcome::kSuccess;
    case RestartPolicy::kOnAbnormal:
      return outcome != Outcome::kSuccess && outcome != Outcome::kExitCode &&
             outcome != Outcome::kStartFailed;
    case RestartPolicy::kOnAbort:
      return outcome == Outcome::kSignal || outcome == Outcome::kCoreDump;
    case RestartPolicy::kOnWatchdog:
      return outcome == Outcome::kWatchdog || outcome == Outcome::kUnhealthy;
  }
  return false;
}

Nanoseconds restart_delay(const ServiceSection& service, unsigned attempt) {
  // As in systemd, RestartSteps= without an end to grow to has no effect.
  const bool steps = service.restart_steps.value_or(0) > 0 && service.restart_max_delay_set &&
                     service.restart_max_delay.has_value();
  if (!service.restart_sec && !steps) {
    if (attempt == 0) return Nanoseconds(0);
    return doubled(
        kBackoffBase, attempt - 1,
        service.restart_max_delay_set ? service.restart_max_delay : unit::TimeSpan(kBackoffCap));
  }
  const Nanoseconds first = service.restart_sec.value_or(kBackoffBase);
  const bool grows =
      steps && attempt > 0 && first > Nanoseconds(0) && first < *service.restart_max_delay;
  if (!grows) return first;
  const Nanoseconds last = *service.restart_max_delay;
  if (attempt >= *service.restart_steps) return last;
  const long double ratio = static_cast<long double>(last.count()) / first.count();
  const long double power = static_cast<long double>(attempt) / *service.restart_steps;
  return Nanoseconds(static_cast<std::int64_t>(first.count() * std::pow(ratio, power)));
}

RestartDecision decide(const unit::Unit& unit, Outcome outcome, const sys::ExitStatus& status,
                       Nanoseconds uptime, BootTime now, RestartState& state) {
  const unit::ServiceUnit* const service = unit.service();
  if (service == nullptr) return {RestartDecision::Kind::kStayDown, {}, "not a service", false};
  const bool crashed = outcome == Outcome::kCoreDump || outcome == Outcome::kSignal;
  const bool again = crashed && crashes_the_same_way(service->nines, now, state);
  if (uptime >= service->nines.healthy_uptime && !again) state.attempt = 0;
  RestartDecision decision = wanted(service->service, outcome, status);
  if (decision.kind != RestartDecision::Kind::kRestart) return decision;
  decision.delay = restart_delay(service->service, state.attempt);
  decision.same_crash = again && uptime >= service->nines.healthy_uptime;
  if (!start_permitted(unit, now + decision.delay, state)) {
    return {RestartDecision::Kind::kGiveUp, {}, "start limit hit", false};
  }
  constexpr unsigned kMost = std::numeric_limits<unsigned>::max();
  if (state.attempt < kMost) ++state.attempt;
  if (state.total_restarts < kMost) ++state.total_restarts;
  return decision;
}

}  // namespace nines::supervise
