// The command line of `nines`: parsing it, and saying what it can be.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/manual.h"
#include "cli/terminal.h"

namespace nines::cli {

/// Parses, runs the verb, and returns how it ended.
/// @param arguments  without the program's name.
/// @param terminal      what `out` is; on one that is shorter than the text, a pager shows it.
/// @param err_terminal  what `err` is.
ExitCode run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err,
             const Terminal& terminal, const Terminal& err_terminal = {});

/// What the parser knows, as data.
CommandTable command_table();

}  // namespace nines::cli
