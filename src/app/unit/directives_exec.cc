// What systemd.exec(5) describes: the same for [Service] and for the commands of a [Socket].
#include "app/unit/directive.h"

#include <fmt/format.h>
#include "app/unit/handlers.h"
#include "app/unit/printable.h"
#include "app/unit/word.h"

namespace nines::unit {
namespace {

constexpr Choice<std::optional<int>> kCpuPolicies[] = {
    {"other", 0}, {"fifo", 1}, {"rr", 2}, {"batch", 3}, {"idle", 5}};  // linux/sched.h
constexpr Choice<std::optional<int>> kIoClasses[] = {
    {"none", 0},        {"0", 0}, {"realtime", 1}, {"1", 1},
    {"best-effort", 2}, {"2", 2}, {"idle", 3},     {"3", 3}};  // linux/ioprio.h
constexpr Choice<Preserve> kPreserves[] = {
    {"no", Preserve::kNo},   {"yes", Preserve::kYes}, {"restart", Preserve::kRestart},
    {"0", Preserve::kNo},    {"1", Preserve::kYes},   {"true", Preserve::kYes},
    {"false", Preserve::kNo}};

void working_directory(Draft& draft, const Setting& setting) {
  std::string_view value = setting.value();
  draft.exec.working_directory_optional = value.starts_with('-');
  if (draft.exec.working_directory_optional) value.remove_prefix(1);
  if (value.empty() || value == "~") {
    draft.exec.working_directory = std::string(value);
    return;
  }
  auto path = resolve_path(draft, setting, value, setting.value().size() - value.size());
  if (path) draft.exec.working_directory = std::move(*path);
}

void cpu_affinity(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return draft.exec.cpu_affinity.clear();
  if (setting.value() == "numa") {
    draft.warning(setting, 0, "'numa' is not honoured: the processes run on every CPU");
    return;
  }
  if (auto added = add_cpus(setting.value(), draft.exec.cpu_affinity); !added) {
    draft.error(setting, 0, added.error().detail());
  }
}

/// Environment="A=1" B=2
void environment(Draft& draft, const Setting& setting) {
  auto& variables = draft.exec.environment;
  if (setting.value().empty()) return variables.clear();
  WordReader reader(setting.value(), WordRule::kCEscapes);
  for (;;) {
    auto word = reader.next();
    if (!word) return draft.error(setting, reader.offset(), word.error().detail());
    if (!*word) return;
    const std::size_t offset = (*word)->offset;
    const auto resolved = draft.resolve(setting, (*word)->text, offset);
    if (!resolved) continue;
    const std::size_t equals = resolved->find('=');
    if (equals == std::string::npos || !valid_variable_name(resolved->substr(0, equals))) {
      draft.error(setting, offset, fmt::format("'{}' is not VARIABLE=VALUE", printable(*resolved)));
      continue;
    }
    variables.emplace_back(resolved->substr(0, equals), resolved->substr(equals + 1));
  }
}

void environment_file(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return draft.exec.environment_files.clear();
  std::string_view value = setting.value();
  const bool optional = value.starts_with('-');
  if (optional) value.remove_prefix(1);
  auto path = resolve_path(draft, setting, value, optional ? 1 : 0);
  if (path) draft.exec.environment_files.push_back({std::move(*path), optional});
}

void add_variable_names(Draft& draft, const Setting& setting, bool with_values,
                        std::vector<std::string>& list) {
  const std::size_t before = list.size();
  add_words(draft, setting, list);
  for (std::size_t i = before; i < list.size(); ++i) {
    const std::string_view word = list[i];
    if (valid_variable_name(with_values ? word.substr(0, word.find('=')) : word)) continue;
    draft.error(setting, 0, fmt::format("'{}' is not the name of a variable", printable(word)));
  }
}
void pass_environment(Draft& draft, const Setting& setting) {
  add_variable_names(draft, setting, false, draft.exec.pass_environment);
}
void unset_environment(Draft& draft, const Setting& setting) {
  add_variable_names(draft, setting, true, draft.exec.unset_environment);
}

void standard_output(Draft& draft, const Setting& setting) {
  set_output(draft, setting, draft.exec.standard_output, false);
}
void standard_error(Draft& draft, const Setting& setting) {
  set_output(draft, setting, draft.exec.standard_error, true);
}

void standard_input(Draft& draft, const Setting& setting) {
  constexpr std::string_view kFile = "file:";
  const std::string_view value = setting.value();
  draft.exec.standard_input_path.clear();
  if (value.empty() || value == "null") return;
  if (value.starts_with(kFile)) {
    auto path = resolve_path(draft, setting, value.substr(kFile.size()), kFile.size());
    if (path) draft.exec.standard_input_path = std::move(*path);
  } else if (value.starts_with("tty") || value == "data" || value == "socket" ||
             value.starts_with("fd:")) {
    draft.warning(setting, 0,
                  fmt::format("'{}' is not honoured: it reads /dev/null", printable(value)));
  } else {
    draft.error(setting, 0, fmt::format("'{}' is none of: null, file:PATH", printable(value)));
  }
}

void bounding_set(Draft& draft, const Setting& setting) {
  std::uint64_t set = draft.exec.capability_bounding_set.value_or(kAllCapabilities);
  merge_capabilities(draft, setting, kAllCapabilities, set);
  draft.exec.capability_bounding_set = set;
}
void ambient_set(Draft& draft, const Setting& setting) {
  merge_capabilities(draft, setting, 0, draft.exec.ambient_capabilities);
}

void dynamic_user(Draft& draft, const Setting& setting) {
  boolean<&ExecSettings::dynamic_user>(draft, setting);
  if (!draft.exec.dynamic_user) return;
  draft.warning(
      setting, 0,
      "nines makes no user up: create the one named by User= (or like the unit) beforehand");
}

void private_tmp(Draft& draft, const Setting& setting) {
  const std::string_view value = setting.value();
  const Result<bool> parsed = parse_boolean(value);
  if (!value.empty() && !parsed && value != "disconnected") {
    return draft.error(setting, 0, parsed.error().detail());
  }
  draft.exec.private_tmp = value == "disconnected" || (parsed && *parsed);
  if (draft.exec.private_tmp)
    draft.warning(setting, 0, "not honoured: the unit sees the host's /tmp and /var/tmp");
}

constexpr std::string_view kModeText = "with mode {}";

constexpr Directive kDirectives[] = {
    {kExec, "WorkingDirectory", working_directory, "runs in {}"},
    {kExec, "RootDirectory", absolute_path<&ExecSettings::root_directory>,
     "sees {} as its root directory"},
    {kExec, "User", text<&ExecSettings::user>, "runs as user {}"},
    {kExec, "Group", text<&ExecSettings::group>, "runs with group {}"},
    {kExec, "SupplementaryGroups", words<&ExecSettings::supplementary_groups>,
     "is a member of {} too", kList},
    {kExec, "DynamicUser", dynamic_user, "yes: not honoured: no user is made up|no: runs as User="},
    {kExec, "UMask", scalar<&ExecSettings::umask, parse_mode>,
     "its new files lack the permissions {}"},
    {kExec, "Nice", integer<&ExecSettings::nice, -20, 19>, "runs at nice level {}"},
    {kExec, "OOMScoreAdjust", integer<&ExecSettings::oom_score_adjust, -1000, 1000>,
     "when memory runs out its score is shifted by {} (-1000: never killed)"},
    {kExec, "CPUAffinity", cpu_affinity, "runs on the CPUs {} only", kList},
    {kExec, "CPUSchedulingPolicy", choice<&ExecSettings::cpu_scheduling_policy, kCpuPolicies>,
     "scheduled as {}"},
    {kExec, "CPUSchedulingPriority", integer<&ExecSettings::cpu_scheduling_priority, 0, 99>,
     "scheduled at priority {}"},
    {kExec, "IOSchedulingClass", choice<&ExecSettings::io_scheduling_class, kIoClasses>,
     "its disk accesses are scheduled as {}"},
    {kExec, "IOSchedulingPriority", integer<&ExecSettings::io_scheduling_priority, 0, 7>,
     "its disk accesses have priority {} (0 highest, 7 lowest)"},
    {kExec, "Environment", environment, "has {} in its environment", kList},
    {kExec, "EnvironmentFile", environment_file,
     "reads its environment from {} at each start ('-': if it is there)", kList},
    {kExec, "PassEnvironment", pass_environment, "inherits {} from the daemon's environment",
     kList},
    {kExec, "UnsetEnvironment", unset_environment, "never has {} in its environment", kList},
    {kExec, "StandardOutput", standard_output, "what it prints goes to: {}"},
    {kExec, "StandardError", standard_error, "what it prints as errors goes to: {}"},
    {kExec, "StandardInput", standard_input, "reads from: {}"},
    {kExec, "SyslogIdentifier", text<&ExecSettings::syslog_identifier>,
     "no effect: each unit has a log of its own, so its lines need no mark"},
    {kExec, "RuntimeDirectory", directories<&ExecSettings::runtime_directory>,
     "/run/{} is made before the start and removed after the end", kList},
    {kExec, "RuntimeDirectoryMode", directories_mode<&ExecSettings::runtime_directory>, kModeText},
    {kExec, "RuntimeDirectoryPreserve",
     choice<&ExecSettings::runtime_directory_preserve, kPreserves>,
     "no: removed after the end|yes: stays after the end|restart: stays over restarts|*: kept "
     "accordingly"},
    {kExec, "StateDirectory", directories<&ExecSettings::state_directory>,
     "/var/lib/{} is made before the start and given to its user", kList},
    {kExec, "StateDirectoryMode", directories_mode<&ExecSettings::state_directory>, kModeText},
    {kExec, "CacheDirectory", directories<&ExecSettings::cache_directory>,
     "/var/cache/{} is made before the start and given to its user", kList},
    {kExec, "CacheDirectoryMode", directories_mode<&ExecSettings::cache_directory>, kModeText},
    {kExec, "LogsDirectory", directories<&ExecSettings::logs_directory>,
     "/var/log/{} is made before the start and given to its user", kList},
    {kExec, "LogsDirectoryMode", directories_mode<&ExecSettings::logs_directory>, kModeText},
    {kExec, "ConfigurationDirectory", directories<&ExecSettings::configuration_directory>,
     "/etc/{} is made before the start", kList},
    {kExec, "ConfigurationDirectoryMode", directories_mode<&ExecSettings::configuration_directory>,
     kModeText},
    {kExec, "NoNewPrivileges", boolean<&ExecSettings::no_new_privileges>,
     "yes: it and its children can never gain privileges, not by setuid programs either|no: setuid "
     "programs work"},
    {kExec, "CapabilityBoundingSet", bounding_set, "can never have other capabilities than: {}",
     kList},
    {kExec, "AmbientCapabilities", ambient_set, "has these capabilities without being root: {}",
     kList},
    {kExec, "IgnoreSIGPIPE", boolean<&ExecSettings::ignore_sigpipe>,
     "yes: starts with SIGPIPE ignored|no: a broken pipe ends it by SIGPIPE"},
    {kExec, "PrivateTmp", private_tmp,
     "yes: not honoured: the unit sees the host's /tmp and /var/tmp|no: sees the host's /tmp and "
     "/var/tmp"
     "|*: not honoured: the unit sees the host's /tmp and /var/tmp"},
    {kExec, "LimitCPU", limit<RLIMIT_CPU>, "CPU time limited to {}"},
    {kExec, "LimitFSIZE", limit<RLIMIT_FSIZE>, "size of a file it writes limited to {}"},
    {kExec, "LimitDATA", limit<RLIMIT_DATA>, "data segment limited to {}"},
    {kExec, "LimitSTACK", limit<RLIMIT_STACK>, "stack limited to {}"},
    {kExec, "LimitCORE", limit<RLIMIT_CORE>, "size of a core file limited to {}"},
    {kExec, "LimitRSS", limit<RLIMIT_RSS>, "set to {}, which Linux ignores"},
    {kExec, "LimitNOFILE", limit<RLIMIT_NOFILE>, "open files limited to {}"},
    {kExec, "LimitAS", limit<RLIMIT_AS>, "address space limited to {}"},
    {kExec, "LimitNPROC", limit<RLIMIT_NPROC>, "processes of its user limited to {}"},
    {kExec, "LimitMEMLOCK", limit<RLIMIT_MEMLOCK>, "locked memory limited to {}"},
    {kExec, "LimitLOCKS", limit<RLIMIT_LOCKS>, "file locks limited to {}"},
    {kExec, "LimitSIGPENDING", limit<RLIMIT_SIGPENDING>, "pending signals limited to {}"},
    {kExec, "LimitMSGQUEUE", limit<RLIMIT_MSGQUEUE>, "POSIX message queues limited to {}"},
    {kExec, "LimitNICE", limit<RLIMIT_NICE>, "may raise its nice level up to {}"},
    {kExec, "LimitRTPRIO", limit<RLIMIT_RTPRIO>, "real-time priority limited to {}"},
    {kExec, "LimitRTTIME", limit<RLIMIT_RTTIME>,
     "real-time CPU time without a pause limited to {}"},
};

}  // namespace

std::span<const Directive> exec_directives() {
  return kDirectives;
}

}  // namespace nines::unit
