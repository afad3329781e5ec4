#include "app/supervise/exec_context.h"

#include <fmt/format.h>
#include <sched.h>

#include <array>

#include "app/supervise/attainable.h"
#include "app/supervise/exec_environment.h"
#include "app/supervise/identity.h"
#include "app/supervise/standard_streams.h"
#include "app/unit/expand.h"
#include "app/unit/host_facts.h"

namespace nines::supervise {
namespace {

using unit::ExecSettings;

/// linux/ioprio.h: class in the upper bits, level below; 4 is the middle of the levels.
constexpr int kIoClassShift = 13;
constexpr int kIoClassRealtime = 1;
constexpr int kIoClassBestEffort = 2;
constexpr int kIoDefaultLevel = 4;

std::optional<int> io_priority(const ExecSettings& exec) {
  if (!exec.io_scheduling_class && !exec.io_scheduling_priority) return std::nullopt;
  const int io_class = exec.io_scheduling_class.value_or(kIoClassBestEffort);
  const bool has_levels = io_class == kIoClassRealtime || io_class == kIoClassBestEffort;
  const int level = has_levels ? exec.io_scheduling_priority.value_or(kIoDefaultLevel) : 0;
  return io_class << kIoClassShift | level;
}

/// @param  root  of the new process; its path is inside, and is checked there.
Result<std::string> find_program(const std::string& name, const std::string& root) {
  if (root.empty() || root == "/") return sys::find_executable(name);
  constexpr std::array<const char*, 6> kSearchPath = {
      "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
  // An absolute link inside the root leads elsewhere for us: that one only the kernel can check.
  if (name.find('/') != std::string::npos) return name;
  for (const char* directory : kSearchPath) {
    const std::string path = std::string(directory) + "/" + name;
    if (sys::find_executable(root + path)) return path;
  }
  return Error(ErrorCode::kNotFound, "find executable", name).with_detail("not below " + root);
}

ManagerVariables manager_variables(const LaunchInputs& inputs) {
  ManagerVariables manager;
  manager.invocation_id = inputs.invocation_id;
  manager.notify_socket = inputs.notify_socket;
  manager.extra = inputs.extra_environment;
  if (!inputs.is_main) return manager;
  manager.watchdog = inputs.watchdog;
  manager.set_listen_fds = !inputs.listen_fds.empty();
  for (const auto& [name, fd] : inputs.listen_fds) manager.listen_fd_names.push_back(name);
  return manager;
}

Status apply_streams(const LaunchInputs& inputs, const ExecSettings& exec, Launch& launch) {
  StreamSources sources;
  sources.log_output = inputs.stdout_fd;
  sources.log_error = inputs.stderr_fd;
  if (inputs.listen_fds.size() == 1) sources.socket = inputs.listen_fds.front().second;
  NINES_ASSIGN(StandardStreams streams, open_streams(exec, sources));
  launch.request.stdin_fd = streams.input;
  launch.request.stdout_fd = streams.output;
  launch.request.stderr_fd = streams.error;
  launch.owned = std::move(streams.owned);
  if (inputs.is_main) {
    for (const auto& [name, fd] : inputs.listen_fds) launch.request.pass_fds.push_back(fd);
  }
  return {};
}

Status apply_working_directory(const ExecSettings& exec, const Identity& identity, bool user_mode,
                               sys::SpawnRequest& request) {
  request.working_directory = exec.working_directory;
  request.working_directory_optional = exec.working_directory_optional;
  const std::string home = identity.switches ? identity.home : unit::home_directory();
  if (user_mode && exec.working_directory.empty()) {
    // Nobody asked for it, so that a missing one is no reason to stay down.
    request.working_directory = home;
    request.working_directory_optional = true;
  }
  if (exec.working_directory != "~") return {};
  request.working_directory = home;
  if (!home.empty() || exec.working_directory_optional) return {};
  return Error(ErrorCode::kNotFound, "find home directory of", identity.user)
      .with_detail("the user has none")
      .in("WorkingDirectory=~");
}

Status apply_scheduling(const ExecSettings& exec, sys::SpawnRequest& request) {
  for (const unsigned cpu : exec.cpu_affinity) {
    if (cpu < CPU_SETSIZE) continue;
    return Error(ErrorCode::kInvalidArgument, "CPUAffinity=", std::to_string(cpu))
        .with_detail(fmt::format("only CPUs up to {} are supported", CPU_SETSIZE - 1));
  }
  request.cpu_affinity = exec.cpu_affinity;
  request.scheduling_policy = exec.cpu_scheduling_policy;
  const bool realtime =
      exec.cpu_scheduling_policy == SCHED_FIFO || exec.cpu_scheduling_policy == SCHED_RR;
  // sched_setscheduler(2): 0 for the others, 1 is the lowest of these; systemd's default as well.
  if (realtime) request.scheduling_priority = exec.cpu_scheduling_priority.value_or(1);
  request.io_priority = io_priority(exec);
  return {};
}

void apply_privileges(const ExecSettings& exec, const Identity& identity,
                      sys::SpawnRequest& request) {
  request.root_directory = exec.root_directory == "/" ? "" : exec.root_directory;
  request.no_new_privileges = exec.no_new_privileges;
  request.capability_bounding_set = exec.capability_bounding_set;
  request.ambient_capabilities = exec.ambient_capabilities;
  if (!identity.switches) return;
  request.credentials = sys::SpawnCredentials{identity.uid, identity.gid, identity.groups};
}

}  // namespace

Result<Launch> build_spawn_request(const LaunchInputs& inputs) {
  const ExecSettings* const exec = exec_settings(inputs.unit);
  if (exec == nullptr) {
    return Error(ErrorCode::kInvalidArgument, "execute for", inputs.unit.name)
        .with_detail("this kind of unit has no processes");
  }
  Launch launch;
  sys::SpawnRequest& request = launch.request;
  NINES_ASSIGN(const Identity identity, resolve_identity(inputs.unit, inputs.user_mode));
  NINES_ASSIGN(Environment environment,
               build_environment(*exec, identity, manager_variables(inputs), inputs.user_mode));
  NINES_ASSIGN(request.argv, unit::expand_command(inputs.command, environment.variables));
  request.environment = environment.block();
  request.pid_variables = std::move(environment.pid_variables);

  if (!inputs.command.full_privileges) apply_privileges(*exec, identity, request);
  NINES_ASSIGN(request.path, find_program(inputs.command.path, request.root_directory));
  NINES_TRY(apply_working_directory(*exec, identity, inputs.user_mode, request));
  NINES_TRY(apply_scheduling(*exec, request));
  launch.remarks = apply_attainable(*exec, own_reach(), request);
  request.umask = exec->umask;
  request.ignore_sigpipe = exec->ignore_sigpipe;
  if (inputs.cgroup != nullptr && inputs.cgroup->valid()) {
    request.cgroup_fd = inputs.cgroup->v2_fd();
    request.cgroup_procs = inputs.cgroup->procs_files();
  }
  NINES_TRY(apply_streams(inputs, *exec, launch));
  return launch;
}

}  // namespace nines::supervise
