// Which units look after applications here, and how: read from unit files.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sys/host_root.h"

namespace nines::matrix {

struct UnitFacts {
  std::string name;
  std::string manager;      ///< "nines" or "systemd"
  std::string file;         ///< where its policy was read
  std::string restart;      ///< "always", "on-failure", "no" ...; empty: could not be read
  std::string unreadable;   ///< why; empty: it was read
  bool oneshot = false;     ///< runs once; nothing to restart
  bool own_socket = false;  ///< its listening socket outlives it: a .socket unit, or Standby=
  bool standby = false;
  bool watched = false;               ///< WatchdogSec= or HealthCheck=: a hang is noticed too
  bool write_execute_denied = false;  ///< MemoryDenyWriteExecute=yes
};

/// The enabled services of systemd: what its .wants/ and .requires/ directories name.
/// @return none where systemd did not boot this host. @source sd_booted(3), systemd.unit(5)
std::vector<UnitFacts> systemd_units(const sys::HostRoot& root);

/// One unit that nines keeps. @param name_or_path  as the daemon told it.
UnitFacts nines_unit(const std::string& name, const std::vector<std::string>& search_path);

}  // namespace nines::matrix
