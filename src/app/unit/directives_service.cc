// [Service]: what systemd.service(5) describes.
#include "app/unit/directive.h"
#include "app/unit/handlers.h"

namespace nines::unit {
namespace {

constexpr Choice<ServiceType> kTypes[] = {
    {"simple", ServiceType::kSimple},   {"exec", ServiceType::kExec},
    {"notify", ServiceType::kNotify},   {"notify-reload", ServiceType::kNotifyReload},
    {"forking", ServiceType::kForking}, {"oneshot", ServiceType::kOneshot},
    {"idle", ServiceType::kIdle},       {"dbus", ServiceType::kSimple}};
constexpr Choice<RestartPolicy> kRestarts[] = {{"no", RestartPolicy::kNo},
                                               {"always", RestartPolicy::kAlways},
                                               {"on-success", RestartPolicy::kOnSuccess},
                                               {"on-failure", RestartPolicy::kOnFailure},
                                               {"on-abnormal", RestartPolicy::kOnAbnormal},
                                               {"on-abort", RestartPolicy::kOnAbort},
                                               {"on-watchdog", RestartPolicy::kOnWatchdog}};
constexpr Choice<NotifyAccess> kAccess[] = {{"none", NotifyAccess::kNone},
                                            {"main", NotifyAccess::kMain},
                                            {"exec", NotifyAccess::kExec},
                                            {"all", NotifyAccess::kAll},
                                            {"no", NotifyAccess::kNone}};

Result<unsigned> parse_count(std::string_view text) {
  NINES_ASSIGN(const std::int64_t count, parse_integer(text, 0, 1'000'000));
  return static_cast<unsigned>(count);
}

Result<TimeSpan> parse_delay(std::string_view text) {
  return parse_time_span(text);
}

void type(Draft& draft, const Setting& setting) {
  choice<&ServiceSection::type, kTypes>(draft, setting);
  draft.given.type = !setting.value().empty();
  draft.given.dbus = setting.value() == "dbus";
  if (draft.given.dbus) {
    draft.warning(
        setting, 0,
        "treated as simple: up as soon as it was started, not when it takes its bus name");
  }
}

void restart(Draft& draft, const Setting& setting) {
  choice<&ServiceSection::restart, kRestarts>(draft, setting);
}

void notify_access(Draft& draft, const Setting& setting) {
  choice<&ServiceSection::notify_access, kAccess>(draft, setting);
  draft.service.notify_access_set = !setting.value().empty();
}

/// TimeoutSec= sets both the start and the stop time-out.
void timeout_both(Draft& draft, const Setting& setting) {
  flagged<&ServiceSection::timeout_start, &ServiceSection::timeout_start_set, parse_timeout>(
      draft, setting);
  if (!setting.value().empty() && !parse_timeout(setting.value())) return;  // said once is enough
  scalar<&ServiceSection::timeout_stop, parse_timeout>(draft, setting);
}

void watchdog(Draft& draft, const Setting& setting) {
  draft.service.watchdog.reset();
  if (setting.value().empty()) return;
  const Result<TimeSpan> span = parse_timeout(setting.value());
  if (!span) return draft.error(setting, 0, span.error().detail());
  draft.service.watchdog = *span;
}

void pid_file(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return reset<&ServiceSection::pid_file>(draft);
  auto path = draft.resolve(setting, setting.value());
  if (!path) return;
  // A relative path is below /run. @source systemd.service(5)
  if (!path->starts_with('/')) path = "/run/" + *path;
  draft.service.pid_file = std::move(*path);
}

void permissions_start_only(Draft& draft, const Setting& setting) {
  draft.given.permissions_start_only = false;
  if (setting.value().empty()) return;
  const Result<bool> parsed = parse_boolean(setting.value());
  if (!parsed) return draft.error(setting, 0, parsed.error().detail());
  draft.given.permissions_start_only = *parsed;
}

void sockets(Draft& draft, const Setting& setting) {
  add_units(draft, setting, "socket", draft.service.sockets);
}

constexpr Directive kDirectives[] = {
    {kService, "Type", type,
     "simple: up as soon as its process was started|exec: up once its program was executed"
     "|notify: up when it says READY=1|notify-reload: up when it says READY=1; reloaded by SIGHUP"
     "|forking: up when the first process has ended and left a daemon behind"
     "|oneshot: runs to its end; up is having ended well|idle: as simple, without the delay"
     "|dbus: as simple: its bus name is not waited for"},
    {kService, "Restart", restart,
     "no: stays down when it ends by itself"
     "|always: restarted whenever it ends, other than by `nines stop`"
     "|on-success: restarted only when it ends well"
     "|on-failure: restarted when it exits with a failure, by a signal, time-out or watchdog"
     "|on-abnormal: restarted when a signal, time-out or watchdog ends it; an exit code lets it "
     "stay down"
     "|on-abort: restarted only when an uncaught signal ends it"
     "|on-watchdog: restarted only when its watchdog expires"},
    {kService, "RestartSec", scalar<&ServiceSection::restart_sec, parse_finite_time_span>,
     "waits {} before each restart; unset, nines retries at once and backs off from then on"},
    {kService, "RestartSteps", scalar<&ServiceSection::restart_steps, parse_count>,
     "in {} steps the delay grows from RestartSec= to RestartMaxDelaySec="},
    {kService, "RestartMaxDelaySec",
     flagged<&ServiceSection::restart_max_delay, &ServiceSection::restart_max_delay_set,
             parse_delay>,
     "the delay between restarts never exceeds {}"},
    {kService, "TimeoutStartSec",
     flagged<&ServiceSection::timeout_start, &ServiceSection::timeout_start_set, parse_timeout>,
     "0: a start may take for ever|infinity: a start may take for ever|*: a start that is not done "
     "after {} counts as failed"},
    {kService, "TimeoutStopSec", scalar<&ServiceSection::timeout_stop, parse_timeout>,
     "0: a stop may take for ever|infinity: a stop may take for ever|*: a stop that is not done "
     "after {} ends in FinalKillSignal="},
    {kService, "TimeoutAbortSec",
     flagged<&ServiceSection::timeout_abort, &ServiceSection::timeout_abort_set, parse_timeout>,
     "after the watchdog's signal it has {} to write its core"},
    {kService, "TimeoutSec", timeout_both, "{} for a start and for a stop"},
    {kService, "RuntimeMaxSec", scalar<&ServiceSection::runtime_max, parse_timeout>,
     "0: may run for ever|infinity: may run for ever|*: ended after running for {}, which counts "
     "as a failure"},
    {kService, "WatchdogSec", watchdog,
     "0: no watchdog|infinity: no watchdog|*: must say WATCHDOG=1 at least every {}, else its "
     "stacks are recorded and it is ended by "
     "WatchdogSignal="},
    {kService, "RemainAfterExit", boolean<&ServiceSection::remain_after_exit>,
     "yes: counts as up also after its processes ended|no: down once its processes ended"},
    {kService, "GuessMainPID", boolean<&ServiceSection::guess_main_pid>,
     "yes: a forking unit without PIDFile= has its main process guessed|no: without PIDFile= there "
     "is no main process"},
    {kService, "PIDFile", pid_file, "a forking unit's main process is read from {}"},
    {kService, "BusName", text<&ServiceSection::bus_name>,
     "kept for display; the bus is not watched"},
    {kService, "ExecCondition", commands<&ServiceSection::exec_condition>,
     "run first: exit codes 1-254 skip the start without a failure", kList},
    {kService, "ExecStartPre", commands<&ServiceSection::exec_start_pre>,
     "run before the start; a failure fails the start", kList},
    {kService, "ExecStart", commands<&ServiceSection::exec_start>, "runs {}", kList},
    {kService, "ExecStartPost", commands<&ServiceSection::exec_start_post>, "run once it is up",
     kList},
    {kService, "ExecReload", commands<&ServiceSection::exec_reload>, "run by `nines reload`",
     kList},
    {kService, "ExecStop", commands<&ServiceSection::exec_stop>,
     "run to stop it; what is left then gets KillSignal=", kList},
    {kService, "ExecStopPost", commands<&ServiceSection::exec_stop_post>,
     "run after it ended, however it ended", kList},
    {kService, "PermissionsStartOnly", permissions_start_only,
     "yes: only ExecStart= runs as User= and with its limits on capabilities, the other commands "
     "as "
     "root"
     "|no: User= and the like apply to every Exec*="},
    {kService, "SuccessExitStatus", exit_statuses<&ServiceSection::success_exit_status>,
     "ending with {} counts as a success too", kList},
    {kService, "RestartPreventExitStatus", exit_statuses<&ServiceSection::restart_prevent>,
     "ending with {} lets it stay down", kList},
    {kService, "RestartForceExitStatus", exit_statuses<&ServiceSection::restart_force>,
     "ending with {} restarts it whatever Restart= says", kList},
    {kService, "NotifyAccess", notify_access,
     "none: messages to NOTIFY_SOCKET are not heard|no: messages to NOTIFY_SOCKET are not heard"
     "|main: only its main process is heard on NOTIFY_SOCKET"
     "|exec: its main process and its Exec*= commands are heard on NOTIFY_SOCKET"
     "|all: all of its processes are heard on NOTIFY_SOCKET"},
    {kService, "FileDescriptorStoreMax", scalar<&ServiceSection::fd_store_max, parse_count>,
     "keeps up to {} descriptors (FDSTORE=1) for its successor"},
    {kService, "Sockets", sockets,
     "gets the listening sockets of {}, which nines holds over restarts", kList},
};

}  // namespace

std::span<const Directive> service_directives() {
  return kDirectives;
}

}  // namespace nines::unit
