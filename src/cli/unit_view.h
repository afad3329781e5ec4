// Units as people see them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/types.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace nines::cli {

/// A row for each unit, the ones in trouble first.
Table unit_table(std::vector<api::UnitStatus> units);

/// All that is known about one unit, one fact a line.
std::string unit_card(const api::UnitStatus& unit, const Terminal& terminal);

/// "3 running, 1 failed"; empty without units.
std::string summary(const std::vector<api::UnitStatus>& units, const Terminal& terminal);

Tone tone_of(api::UnitState state);

/// @return e.g. "99.98 %"; rounded down, since only a whole 1 may read 100 %.
std::string percent(double fraction);

}  // namespace nines::cli
