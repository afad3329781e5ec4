// Application, proactive: could a running program be patched here, and by what?
#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>

#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr const char* kPtraceScope = "/proc/sys/kernel/yama/ptrace_scope";
/// A host with more processes is judged by these.
constexpr std::size_t kMostProcesses = 2000;

Finding tool(const Host& host) {
  for (const char* name : {"ulp", "libcare-ctl", "syscare"}) {
    if (const std::string path = program(host, name); !path.empty()) {
      return fulfilled(path, "installed", Weight::kRequired);
    }
  }
  return unmet("ulp, libcare-ctl, syscare",
               "none installed; this version of nines patches no processes", State::kNo,
               Weight::kRequired, "nothing here patches a process",
               "nines restart UNIT, with a .socket unit that holds its port");
}

/// @source Documentation/admin-guide/LSM/Yama.rst; ptrace(2), "Ptrace access mode checking"
Finding ptrace_scope(const Host& host) {
  const bool capable = host.viewer.has(CAP_SYS_PTRACE);
  const std::string who = capable ? "with CAP_SYS_PTRACE" : "without CAP_SYS_PTRACE";
  const auto scope = number_of(host, kPtraceScope);
  if (!scope && scope.error().code() != ErrorCode::kNotFound) {
    return unreadable(host, kPtraceScope, scope.error(), Weight::kRequired);
  }
  const std::int64_t level = scope ? *scope : 0;
  const std::string said = scope ? fmt::format("{}, {}", level, who) : "no Yama, " + who;
  if (level >= 3) {
    return unmet(kPtraceScope, said, State::kBarred, Weight::kRequired,
                 "ptrace is off until the next boot", "kernel.yama.ptrace_scope=2, then reboot");
  }
  if (level > 0 && !capable) {
    return unmet(kPtraceScope, said, State::kNo, Weight::kRequired, "ptrace needs CAP_SYS_PTRACE",
                 host.viewer.root() ? "start it with CAP_SYS_PTRACE" : "sudo nines");
  }
  if (!capable) {
    return unmet(kPtraceScope, said, State::kPartly, Weight::kHelpful, "only this user's processes",
                 "sudo nines");
  }
  return fulfilled(kPtraceScope, said, Weight::kRequired);
}

Finding own_filter(const Host& host) {
  if (host.viewer.seccomp == 0) {
    return fulfilled("/proc/self/status", "Seccomp: 0", Weight::kHelpful);
  }
  return unmet("/proc/self/status",
               fmt::format("Seccomp: {}: this process is filtered", host.viewer.seccomp),
               State::kPartly, Weight::kHelpful, "a seccomp filter may forbid ptrace",
               "allow ptrace and process_vm_writev in the filter");
}

struct Obstacles {
  std::vector<std::string> filtered, traced;
  std::size_t looked_at = 0, left = 0;
};

Obstacles look_at_processes(const Host& host) {
  Obstacles found;
  for (const std::string& name : names_in(host, "/proc")) {
    if (name.empty() || name[0] < '1' || name[0] > '9') continue;
    if (found.looked_at >= kMostProcesses || std::chrono::steady_clock::now() >= host.deadline) {
      ++found.left;
      continue;
    }
    const auto status = text_of(host, "/proc/" + name + "/status");
    if (!status) continue;
    ++found.looked_at;
    const std::size_t comm_end = std::min(status->find('\n'), status->size());
    const std::string comm =
        shown(std::string_view(*status).substr(std::min<std::size_t>(6, comm_end),
                                               comm_end - std::min<std::size_t>(6, comm_end)),
              16);
    const std::string who = fmt::format("{} ({})", comm, name);
    if (status->find("\nSeccomp:\t0") == std::string::npos &&
        status->find("\nSeccomp:") != std::string::npos) {
      found.filtered.push_back(who);
    }
    if (status->find("\nTracerPid:\t0\n") == std::string::npos &&
        status->find("\nTracerPid:") != std::string::npos) {
      found.traced.push_back(who);
    }
  }
  return found;
}

void add_obstacles(const Host& host, std::vector<Finding>& findings) {
  const Obstacles found = look_at_processes(host);
  std::string rest = fmt::format("{} of {} processes", found.filtered.size(), found.looked_at);
  if (found.left > 0) rest += fmt::format(" ({} not looked at)", found.left);
  findings.push_back(
      {"/proc/PID/status",
       found.filtered.empty()
           ? rest + " have a seccomp filter"
           : fmt::format("{} have a seccomp filter, which may end them when they are "
                         "patched: {}",
                         rest, listed(found.filtered)),
       found.filtered.empty() ? State::kYes : State::kPartly, Weight::kNote, "", ""});
  if (!found.traced.empty()) {
    findings.push_back({"/proc/PID/status", "already traced: " + listed(found.traced),
                        State::kPartly, Weight::kNote, "", ""});
  }
  std::vector<std::string> denied;
  for (const UnitFacts& unit : host.units) {
    if (unit.write_execute_denied) denied.push_back(unit.name);
  }
  // The kernel tells nobody else whether a process set PR_SET_MDWE.
  findings.push_back({"unit files",
                      denied.empty()
                          ? "no unit sets MemoryDenyWriteExecute=; a process's own "
                            "PR_SET_MDWE cannot be seen from outside"
                          : "MemoryDenyWriteExecute=yes, no code can be added: " + listed(denied),
                      denied.empty() ? State::kYes : State::kPartly, Weight::kNote, "", ""});
}

}  // namespace

CellReport probe_app_proactive(const Host& host) {
  std::vector<Finding> findings{ptrace_scope(host), tool(host), own_filter(host)};
  add_obstacles(host, findings);
  return conclude(ledger::Cell::kAppProactive, std::move(findings), "a tool and ptrace are there");
}

}  // namespace nines::matrix
