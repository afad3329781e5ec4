// Application, unplanned: does a crash leave a trace, can it be read, does the application come
// back?
#include <fmt/format.h>

#include <algorithm>

#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr const char* kPattern = "/proc/sys/kernel/core_pattern";

/// What keeps crashes here: in a container the pattern is not ours to set.
std::string core_advice(const Host& host) {
  return host.machine.container ? "nines crash setup on the container host" : "nines crash setup";
}

/// "@@PATH": the kernel connects to it. @source proc_net_unix(5), unix(7): __SO_ACCEPTCON
Finding core_by_socket(const Host& host, const std::string& pattern) {
  const std::string path = pattern.substr(std::min(pattern.find_first_not_of('@'), pattern.size()));
  const std::string sockets = text_of(host, "/proc/net/unix").value_or("");
  // ninesd's is bound as PATH.PID, and then renamed.
  const bool listed = sockets.find(" " + path + "\n") != std::string::npos ||
                      sockets.find(" " + path + ".") != std::string::npos;
  if (!listed) {
    return unmet(kPattern, shown(pattern) + ": nobody listens", State::kNo, Weight::kMain,
                 "a crash leaves no core: its server does not run", "start ninesd");
  }
  return fulfilled(kPattern, shown(pattern) + ": somebody listens", Weight::kMain);
}

/// "|PROGRAM ARGUMENTS": the kernel runs it in the first namespaces, not in a container's.
Finding core_by_program(const Host& host, const std::string& pattern) {
  std::string path = pattern.substr(1, pattern.find(' ') - 1);
  if (host.machine.container) {
    return unmet(kPattern, shown(pattern), State::kPartly, Weight::kMain,
                 "cores go to the container host", "look for cores on the container host");
  }
  if (!has(host, path)) {
    return unmet(kPattern, shown(pattern) + ": no such program", State::kNo, Weight::kMain,
                 "the core handler is not installed", core_advice(host));
  }
  return fulfilled(kPattern, shown(pattern), Weight::kMain);
}

/// The soft limit that services inherit; "unlimited", bytes, or empty.
std::string core_limit(const Host& host, const std::string& path) {
  const std::string limits = text_of(host, path).value_or("");
  const std::size_t at = limits.find("Max core file size");
  if (at == std::string::npos) return "";
  std::string_view rest = std::string_view(limits).substr(at + 18);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return std::string(rest.substr(0, rest.find(' ')));
}

Finding core_to_file(const Host& host, const std::string& pattern) {
  const std::string limit = core_limit(host, "/proc/1/limits");
  const std::string said = fmt::format(
      "{}: a file{}{}", shown(pattern), pattern.starts_with('/') ? "" : " in the working directory",
      limit.empty() ? "" : fmt::format("; RLIMIT_CORE of PID 1 is {}", shown(limit)));
  // Most services take their limit over from PID 1, and with 0 no file is written.
  if (limit == "0") {
    return unmet(kPattern, said, State::kNo, Weight::kMain, "no core is kept: RLIMIT_CORE is 0",
                 core_advice(host));
  }
  return unmet(kPattern, said, State::kPartly, Weight::kMain,
               "a core is just a file, kept by nobody", core_advice(host));
}

Finding core_pattern(const Host& host) {
  const auto pattern = line_of(host, kPattern);
  if (!pattern) return unreadable(host, kPattern, pattern.error(), Weight::kMain);
  if (pattern->empty()) {
    return unmet(kPattern, "empty", State::kNo, Weight::kMain, "a crash leaves no core",
                 core_advice(host));
  }
  if (pattern->front() == '|') return core_by_program(host, *pattern);
  if (pattern->front() == '@') return core_by_socket(host, *pattern);
  return core_to_file(host, *pattern);
}

Finding debugger(const Host& host) {
  for (const char* name : {"gdb", "lldb", "eu-stack"}) {
    if (const std::string path = program(host, name); !path.empty()) {
      return fulfilled(path, "installed", Weight::kHelpful);
    }
  }
  return unmet("gdb, lldb, eu-stack", "none installed", State::kNo, Weight::kHelpful,
               "no debugger to read a core", "apt-get install gdb");
}

/// Whether the crashes that matter most start it again.
bool restarts(const UnitFacts& unit) {
  return !unit.restart.empty() && unit.restart != "no" && unit.restart != "on-success" &&
         unit.restart != "on-watchdog";
}

std::string policy_of(const UnitFacts& unit) {
  if (!unit.unreadable.empty()) return "unreadable: " + shown(unit.unreadable, 80);
  std::string said = "Restart=" + unit.restart;
  if (unit.watched) said += ", hangs are noticed";
  if (unit.standby)
    said += ", warm spare";
  else if (unit.own_socket)
    said += ", its socket outlives it";
  return said + " (" + unit.manager + ")";
}

Finding nobody_restarts(const Host& host) {
  const std::string init = shown(line_of(host, "/proc/1/comm").value_or("unknown"), 16);
  if (!host.units_unknown.empty()) {
    return unmet("units", host.units_unknown, State::kUnknown, Weight::kMain,
                 "units unknown: " + host.units_unknown, "sudo nines");
  }
  return unmet("/proc/1/comm", init + "; no unit of nines, no service enabled in systemd",
               State::kNo, Weight::kMain, "nothing restarts an application",
               "nines keep -- COMMAND");
}

Finding restart_policies(const Host& host, const std::vector<const UnitFacts*>& services) {
  if (services.empty()) return nobody_restarts(host);
  std::vector<std::string> without, unread;
  for (const UnitFacts* unit : services) {
    if (!unit->unreadable.empty())
      unread.push_back(unit->name);
    else if (!restarts(*unit))
      without.push_back(unit->name);
  }
  Finding finding =
      fulfilled("unit files", count(services.size(), "service, restarts", "services, all restart"),
                Weight::kMain);
  if (!without.empty()) {
    finding.said = fmt::format("{} of {} do not restart after a crash: {}", without.size(),
                               services.size(), listed(without));
    finding.state = without.size() == services.size() ? State::kNo : State::kPartly;
    finding.reason = fmt::format("{} of {} not restarted", without.size(),
                                 count(services.size(), "service", "services"));
    finding.advice =
        fmt::format("systemctl edit {}: [Service] Restart=on-failure", without.front());
  } else if (!unread.empty()) {
    finding.said = "not readable: " + listed(unread);
    finding.state = State::kUnknown;
    finding.reason = count(unread.size(), "unit", "units") + " not readable";
  }
  return finding;
}

/// What one failure takes down although every unit restarts.
Finding single_points(const std::vector<const UnitFacts*>& services) {
  std::vector<std::string> alone;
  for (const UnitFacts* unit : services) {
    if (unit->unreadable.empty() && !unit->own_socket) alone.push_back(unit->name);
  }
  // Without a unit there is nothing of which to have two.
  if (alone.empty()) {
    return fulfilled("unit files", "no service refuses connections while it restarts",
                     Weight::kNote);
  }
  return unmet("unit files",
               fmt::format("single points of failure, refuse connections while they restart: {}",
                           listed(alone)),
               State::kPartly, Weight::kNote, "",
               "Standby=1 below [X-Nines] of a unit that nines keeps, or a .socket unit");
}

}  // namespace

CellReport probe_app_unplanned(const Host& host) {
  std::vector<Finding> findings{core_pattern(host)};
  std::vector<const UnitFacts*> services;
  for (const UnitFacts& unit : host.units) {
    if (!unit.oneshot) services.push_back(&unit);
  }
  findings.push_back(restart_policies(host, services));
  findings.push_back(debugger(host));
  for (const UnitFacts* unit : services) {
    const bool good = unit->unreadable.empty() && restarts(*unit);
    findings.push_back({unit->file.empty() ? unit->name : unit->file,
                        unit->name + ": " + policy_of(*unit), good ? State::kYes : State::kNo,
                        Weight::kNote, "", ""});
  }
  if (!services.empty()) findings.push_back(single_points(services));
  if (!has(host, "/etc/corosync/corosync.conf")) {
    findings.push_back({"/etc/corosync/corosync.conf",
                        "absent: this host is a single point of failure", State::kNo, Weight::kNote,
                        "", ""});
  }
  return conclude(ledger::Cell::kAppUnplanned, std::move(findings),
                  "cores are kept, every service restarts");
}

}  // namespace nines::matrix
