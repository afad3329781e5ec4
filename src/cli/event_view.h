// Events and log lines as people see them.
#pragma once

#include <string>

#include "api/types.h"
#include "base/result.h"
#include "cli/terminal.h"
#include "ledger/event.h"

namespace nines::cli {

/// One line: time, severity by colour, unit, kind, and the members of the detail.
std::string event_line(const ledger::Event& event, const Terminal& terminal);

/// One line: time, unless `plain`, and text.
std::string log_line(const api::LogLine& line, bool plain, const Terminal& terminal);

/// "2026-11-22T22:08:01Z", or a duration before now: "90s", "10min", "2h", "1d".
/// @errors kInvalidArgument.
Result<UtcTime> parse_since(const std::string& text, UtcTime now);

}  // namespace nines::cli
