// Hardware, unplanned: would a failing memory module, processor, bus or disk be noticed?
#include <fmt/format.h>

#include "matrix/disks.h"
#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr const char* kEdac = "/sys/devices/system/edac/mc";

std::vector<std::string> memory_controllers(const Host& host) {
  std::vector<std::string> controllers;
  for (std::string& name : names_in(host, kEdac)) {
    if (name.starts_with("mc") && name.size() > 2 && name[2] >= '0' && name[2] <= '9') {
      controllers.push_back(std::move(name));
    }
  }
  return controllers;
}

Finding edac(const Host& host) {
  const std::vector<std::string> controllers = memory_controllers(host);
  if (controllers.empty()) {
    return unmet(kEdac, "no memory controller", State::kNo, Weight::kMain,
                 "no EDAC driver for this memory",
                 driver_advice(host, "modprobe the EDAC driver; ECC memory is needed",
                               "the board's CONFIG_EDAC_...; ECC memory is needed"));
  }
  std::int64_t corrected = 0, uncorrected = 0;
  std::vector<std::string> names;
  for (const std::string& name : controllers) {
    const std::string directory = fmt::format("{}/{}", kEdac, name);
    corrected += number_of(host, directory + "/ce_count").value_or(0);
    uncorrected += number_of(host, directory + "/ue_count").value_or(0);
    names.push_back(shown(line_of(host, directory + "/mc_name").value_or(name), 40));
  }
  Finding finding = fulfilled(kEdac,
                              fmt::format("{}: {} corrected, {} uncorrected errors since boot",
                                          listed(names), corrected, uncorrected),
                              Weight::kMain);
  if (uncorrected > 0) {
    finding.state = State::kPartly;
    finding.reason = fmt::format("{} uncorrected memory errors", uncorrected);
    finding.advice = "ras-mc-ctl --error-count names the module: replace it";
  }
  return finding;
}

Finding machine_checks(const Host& host) {
  constexpr const char* kBanks = "/sys/devices/system/machinecheck/machinecheck0";
  const std::string command_line = line_of(host, "/proc/cmdline").value_or("");
  if ((command_line + ' ').find("mce=off ") != std::string::npos) {
    return unmet("/proc/cmdline", "mce=off", State::kNo, Weight::kMain, "machine checks are off",
                 "boot without mce=off");
  }
  if (has(host, kBanks)) return fulfilled(kBanks, "machine checks are on", Weight::kMain);
  return unmet(kBanks, "absent", State::kNo, Weight::kMain, "no machine checks",
               host.machine.virtual_machine ? "watch errors on the hypervisor"
                                            : "boot a kernel with CONFIG_X86_MCE=y");
}

/// tracefs has two usual places, and is for root only.
std::string trace_events(const Host& host) {
  for (const char* path : {"/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"}) {
    if (has(host, path)) return path;
  }
  return "";
}

Finding trace_points(const Host& host) {
  const std::string events = trace_events(host);
  if (events.empty()) {
    const bool root = host.viewer.root();
    return unmet("/sys/kernel/tracing/events", root ? "absent" : "not readable for this user",
                 root ? State::kNo : State::kUnknown, Weight::kHelpful,
                 root ? "no tracefs is mounted" : "trace events need root",
                 root ? "mount -t tracefs tracefs /sys/kernel/tracing" : "sudo nines");
  }
  std::vector<std::string> there, absent;
  for (const char* name :
       {"mce/mce_record", "ras/mc_event", "ras/aer_event", "ras/extlog_mem_event",
        "ras/memory_failure_event", "ras/non_standard_event"}) {
    (has(host, events + "/" + name) ? there : absent).emplace_back(name);
  }
  std::string said = there.empty() ? "none of them" : listed(there, 6);
  if (!absent.empty() && !there.empty()) said += "; not in this kernel: " + listed(absent, 6);
  // What matters most is that a machine check can be seen at all.
  const bool mce = has(host, events + "/mce/mce_record");
  return unmet(events, said, mce ? State::kYes : State::kNo, Weight::kHelpful,
               "the kernel has no event for machine checks", "");
}

/// @source drivers/ras/cec.c; ras=cec_disable, Documentation/admin-guide/kernel-parameters.txt
Finding corrected_errors_collector(const Host& host) {
  const std::string release = line_of(host, "/proc/sys/kernel/osrelease").value_or("");
  const std::string path = "/boot/config-" + release;
  const auto config = text_of(host, path);
  const bool configured = config && config->find("\nCONFIG_RAS_CEC=y") != std::string::npos;
  const bool running = has(host, "/sys/kernel/debug/ras/cec");
  const std::string command_line = line_of(host, "/proc/cmdline").value_or("");
  const bool disabled = command_line.find("ras=cec_disable") != std::string::npos;
  if (!running && (disabled || (config && !configured))) {
    return fulfilled(disabled ? "/proc/cmdline" : path,
                     disabled ? "ras=cec_disable" : "no CONFIG_RAS_CEC", Weight::kNote);
  }
  if (!running && !config) {
    return unmet(path, "absent: whether RAS_CEC is on is not known", State::kUnknown, Weight::kNote,
                 "", "");
  }
  return unmet(running ? "/sys/kernel/debug/ras/cec" : path,
               "RAS_CEC is on: it hides corrected errors from EDAC until a page has had 1023",
               State::kPartly, Weight::kHelpful, "RAS_CEC hides corrected errors",
               "boot with ras=cec_disable");
}

Finding recorder(const Host& host) {
  const std::optional<bool> running = runs(host, "rasdaemon");
  const std::string path = program(host, "rasdaemon");
  if (running && *running) {
    const bool database = has(host, "/var/lib/rasdaemon/ras-mc_event.db");
    return fulfilled(
        "/proc/PID/comm",
        database ? "rasdaemon runs, with a database" : "rasdaemon runs, without a database",
        Weight::kRequired);
  }
  if (!running && !path.empty()) {
    return unmet("/proc/PID/comm", "other users' processes are hidden (hidepid)", State::kUnknown,
                 Weight::kRequired, "other users' processes are hidden", "sudo nines");
  }
  if (!path.empty()) {
    return unmet(path, "installed, not running", State::kNo, Weight::kRequired,
                 "rasdaemon does not run", "systemctl enable --now rasdaemon");
  }
  return unmet("rasdaemon", "not installed", State::kNo, Weight::kRequired,
               "nobody records hardware errors", "apt-get install rasdaemon");
}

Finding disk_watcher(const Host& host) {
  const std::optional<bool> running = runs(host, "smartd");
  if (!running) {
    return unmet("/proc/PID/comm", "other users' processes are hidden (hidepid)", State::kUnknown,
                 Weight::kHelpful, "other users' processes are hidden", "sudo nines");
  }
  if (*running) {
    return fulfilled("/proc/PID/comm", "smartd runs", Weight::kHelpful);
  }
  return unmet("/proc/PID/comm", "smartd does not run", State::kNo, Weight::kHelpful,
               "no smartd watches the disks",
               program(host, "smartd").empty() ? "apt-get install smartmontools"
                                               : "systemctl enable --now smartmontools");
}

}  // namespace

CellReport probe_hw_unplanned(const Host& host) {
  std::vector<Finding> findings = host_findings(host, "hardware");
  const bool disks = !physical_disks(host).empty();
  // A machine may have real devices passed through: then there is something to watch.
  if (host.machine.virtual_machine && memory_controllers(host).empty() && !disks) {
    findings.push_back({host.machine.hypervisor_proof,
                        "a virtual machine (" + host.machine.hypervisor +
                            ") without a memory controller or a disk of its own",
                        State::kBarred, Weight::kRequired, "the hypervisor owns the hardware",
                        "watch errors on the hypervisor"});
  }
  findings.push_back(recorder(host));
  findings.push_back(machine_checks(host));
  findings.push_back(edac(host));
  findings.push_back(trace_points(host));
  findings.push_back(corrected_errors_collector(host));
  if (disks) {
    findings.push_back(disk_health(host));
    findings.push_back(disk_watcher(host));
  }
  return conclude(ledger::Cell::kHwUnplanned, std::move(findings), "hardware errors are recorded");
}

}  // namespace nines::matrix
