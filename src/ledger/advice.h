// What would have avoided a downtime, or made it shorter: the cell, and how to set it up.
#pragma once

#include <optional>
#include <string>

#include "ledger/cause.h"
#include "ledger/event.h"

namespace nines::ledger {

/// What is set up for a unit already. Whoever can read its unit file fills it in; without it, the
/// advice names what may be there already.
struct UnitFacts {
  bool known = false;
  bool held_socket = false;   ///< a .socket unit holds its listener
  bool standby = false;       ///< Standby=1
  bool health_check = false;  ///< HealthCheck=
  bool memory_high = false;   ///< MemoryHigh=
  bool can_reload = false;    ///< ExecReload=, or Type=notify-reload
};

struct Advice {
  std::optional<Cell> cell;  ///< empty: nothing that this host can do alone would have
  std::string text;          ///< one line: what would have avoided it, or why nothing would
  std::string setup;         ///< the command, or a line for each setting, that sets it up; or empty
};

/// @param  unit  its whole name, "redis.service"; or kHostUnit.
/// Names only what this release can do.
Advice advise(const Cause& cause, Cell cell, const std::string& unit, const UnitFacts& facts);

}  // namespace nines::ledger
