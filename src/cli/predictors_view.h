// How good the warnings were: a block of `nines why`.
#pragma once

#include <cstddef>
#include <string>

#include "cli/terminal.h"
#include "ledger/scoring.h"

namespace nines::cli {

/// A row for each predictor, those that warned most first, and one for all together where there are
/// several. A line where nobody warned of what failed; empty where nothing failed either.
/// @param  most  predictors; the others are only in the row of all.
/// @return  begins with an empty line, ends with a newline.
std::string predictors_block(const ledger::Scores& scores, std::size_t most,
                             const Terminal& terminal);

}  // namespace nines::cli
