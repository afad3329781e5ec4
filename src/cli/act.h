// Verbs that move units, shared by start, stop ... and keep.
#pragma once

#include <string>
#include <vector>

#include "api/client.h"
#include "api/request.h"
#include "cli/context.h"

namespace nines::cli {

/// Names as they are; a path ("./x.service") is read and given to the daemon as a transient unit.
/// @return the units' names, in order. @errors of reading the file; what the daemon says about it.
Result<std::vector<std::string>> resolve_units(const Context& context, api::Client& client,
                                               const std::vector<std::string>& arguments);

/// Sends one verb and decodes what each unit answered.
Result<std::vector<api::UnitResult>> act(api::Client& client, api::Verb verb,
                                         const std::vector<std::string>& units,
                                         api::ActOptions options);

/// Prints a line for each unit, errors and warnings to `err`.
/// @return kOk, the one failure's code, or kPartly when some worked.
ExitCode print_results(const Context& context, api::Verb verb,
                       const std::vector<api::UnitResult>& results);

}  // namespace nines::cli
