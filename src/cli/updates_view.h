// How nines updates is printed.
#pragma once

#include <string>

#include "base/clock.h"
#include "cli/terminal.h"
#include "cli/updates_plan.h"

namespace nines::cli {

/// @param all  also names the packages that nothing uses.
std::string updates_page(const UpdatesPicture& picture, UtcTime now, bool all,
                         const Terminal& terminal);
std::string updates_json(const UpdatesPicture& picture);

}  // namespace nines::cli
