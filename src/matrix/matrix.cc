#include "matrix/matrix.h"

#include "matrix/criu.h"
#include "matrix/disks.h"
#include "matrix/probes.h"
#include "matrix/running_commands.h"

namespace nines::matrix {
namespace {

/// Starts what takes longest before anything is read.
void begin_commands(const Host& host) {
  if (!host.updates_helper.empty() && has(host, "/var/lib/dpkg/status")) {
    host.commands->begin(updates_command(host));
  }
  begin_criu(host);
  begin_disk_health(host);
}

}  // namespace

Matrix probe(const ProbeOptions& options, Commands& commands) {
  Host host;
  host.root = options.root;
  host.commands = &commands;
  host.deadline = std::chrono::steady_clock::now() + options.limit;
  host.updates_helper = options.updates_helper;
  host.viewer = look_at_viewer(host);
  begin_commands(host);
  host.machine = look_at_machine(host);
  host.units = options.units;
  host.units_unknown = options.units_unknown;
  for (UnitFacts& unit : systemd_units(host.root)) host.units.push_back(std::move(unit));
  Matrix matrix;
  matrix.machine = host.machine;
  // Those that need nothing but files come first, while the programs that the others ask run.
  CellReport app_unplanned = probe_app_unplanned(host);
  CellReport app_proactive = probe_app_proactive(host);
  CellReport os_unplanned = probe_os_unplanned(host);
  CellReport os_proactive = probe_os_proactive(host);
  CellReport hw_planned = probe_hw_planned(host);
  CellReport app_planned = probe_app_planned(host);
  CellReport os_planned = probe_os_planned(host);
  CellReport hw_unplanned = probe_hw_unplanned(host);
  CellReport hw_proactive = probe_hw_proactive(host);
  for (CellReport* report :
       {&app_unplanned, &app_planned, &app_proactive, &os_unplanned, &os_planned, &os_proactive,
        &hw_unplanned, &hw_planned, &hw_proactive}) {
    matrix.cells.push_back(std::move(*report));
  }
  return matrix;
}

Matrix probe(const ProbeOptions& options) {
  RunningCommands commands(boot_now() + options.limit);
  return probe(options, commands);
}

}  // namespace nines::matrix
