// systemd.kill(5) and systemd.resource-control(5).
#include <unistd.h>

#include "app/unit/directive.h"
#include "app/unit/handlers.h"
#include "sys/file.h"

namespace nines::unit {
namespace {

constexpr Choice<KillMode> kKillModes[] = {{"control-group", KillMode::kControlGroup},
                                           {"mixed", KillMode::kMixed},
                                           {"process", KillMode::kProcess},
                                           {"none", KillMode::kNone}};

Bytes physical_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  return Bytes{pages > 0 && page > 0
                   ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
                   : 0};
}

/// What TasksMax= percentages are of: the kernel's own limit on processes.
std::uint64_t most_tasks() {
  constexpr std::uint64_t kDefault = 32768;
  std::uint64_t most = kDefault;
  for (const char* path : {"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"}) {
    const Result<std::string> text = sys::read_file(path, 4_KiB);
    if (!text) continue;
    const Result<std::uint64_t> number =
        parse_unsigned(std::string_view(*text).substr(0, text->find('\n')));
    if (number)
      most =
          path == std::string_view("/proc/sys/kernel/pid_max") ? *number : std::min(most, *number);
  }
  return most;
}

Result<std::optional<Bytes>> parse_memory(std::string_view text) {
  return parse_size_or_share(text, text.ends_with('%') ? physical_memory() : Bytes{});
}

Result<std::optional<std::uint64_t>> parse_tasks(std::string_view text) {
  if (text == "infinity") return std::optional<std::uint64_t>();
  if (text.ends_with('%')) {
    NINES_ASSIGN(const double share, parse_percentage(text));
    return std::optional<std::uint64_t>(
        static_cast<std::uint64_t>(share * static_cast<double>(most_tasks())));
  }
  NINES_ASSIGN(const std::uint64_t count, parse_unsigned(text));
  return std::optional<std::uint64_t>(count);
}

/// Parses a share of a core: "150%" is one and a half.
Result<std::optional<double>> parse_quota(std::string_view text) {
  constexpr double kMaxCores = 8192;
  NINES_ASSIGN(const double share, parse_percentage(text, kMaxCores));
  return std::optional<double>(share);
}

void cpu_weight(Draft& draft, const Setting& setting) {
  if (setting.value() == "idle") {
    draft.warning(setting, 0, "'idle' becomes the smallest weight, 1");
    draft.resources.cpu_weight = 1;
    return;
  }
  integer<&ResourceSettings::cpu_weight, 1, 10000>(draft, setting);
}

void accounting(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return;
  if (auto parsed = parse_boolean(setting.value()); !parsed)
    draft.error(setting, 0, parsed.error().detail());
}

constexpr std::string_view kAccountingText =
    "accounted always, where the cgroup has the controller";

constexpr Directive kDirectives[] = {
    {kExec, "KillMode", choice<&KillSettings::mode, kKillModes>,
     "control-group: a stop signals all of its processes"
     "|mixed: a stop signals its main process, then kills what is left of the others"
     "|process: a stop signals its main process only; others stay"
     "|none: a stop runs ExecStop= only and signals nobody"},
    {kExec, "KillSignal", scalar<&KillSettings::kill_signal, parse_signal>, "stopped by {}"},
    {kExec, "RestartKillSignal", scalar<&KillSettings::restart_kill_signal, parse_signal>,
     "stopped by {} when it is to be restarted"},
    {kExec, "FinalKillSignal", scalar<&KillSettings::final_signal, parse_signal>,
     "ended by {} when the stop time-out is over"},
    {kExec, "WatchdogSignal", scalar<&KillSettings::watchdog_signal, parse_signal>,
     "ended by {} when its watchdog expires"},
    {kExec, "SendSIGHUP", boolean<&KillSettings::send_sighup>,
     "yes: gets SIGHUP right after KillSignal=|no: gets no SIGHUP at a stop"},
    {kExec, "SendSIGKILL", boolean<&KillSettings::send_sigkill>,
     "yes: killed when the stop time-out is over|no: never killed, even when the stop time-out is "
     "over"},
    {kService, "MemoryMax", scalar<&ResourceSettings::memory_max, parse_memory>,
     "its memory is limited to {}; beyond, the kernel kills in it"},
    {kService, "MemoryHigh", scalar<&ResourceSettings::memory_high, parse_memory>,
     "slowed down when its memory exceeds {}"},
    {kService, "TasksMax", scalar<&ResourceSettings::tasks_max, parse_tasks>,
     "at most {} processes and threads"},
    {kService, "CPUWeight", cpu_weight, "gets CPU time at weight {} (100 is what others have)"},
    {kService, "CPUQuota", scalar<&ResourceSettings::cpu_quota, parse_quota>,
     "gets at most {} of one CPU"},
    {kExec, "CPUAccounting", accounting, kAccountingText},
    {kExec, "MemoryAccounting", accounting, kAccountingText},
    {kExec, "TasksAccounting", accounting, kAccountingText},
};

}  // namespace

std::span<const Directive> control_directives() {
  return kDirectives;
}

}  // namespace nines::unit
