// The pages of `nines why`: read at 3 a.m., on a terminal of 80 columns and 24 lines.
#pragma once

#include <string>

#include "cli/terminal.h"
#include "ledger/why.h"

namespace nines::cli {

/// All units: how each did, and what cost most.
std::string why_page(const ledger::WhyReport& report, const Terminal& terminal);

/// One unit, or the host: every number, and how to avoid what cost most.
/// @param  scores  of the warnings about it.
std::string why_card(const ledger::UnitReport& unit, const ledger::Scores& scores,
                     const Terminal& terminal);

/// One event: what led to it, what came of it, what would have avoided it.
std::string story_page(const ledger::EventStory& story, const Terminal& terminal);

/// @return e.g. "99.9512 %": as many digits as tell it from 100 %, rounded down.
std::string fine_percent(double fraction);

}  // namespace nines::cli
