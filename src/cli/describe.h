// From the parser to the tables that help, manual and completion are made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/manual.h"

namespace nines::cli {

std::vector<OptionEntry> describe_options(const CLI::App& app);

/// Appends the verbs below `app`, those of groups ("daemon status") too.
/// @param prefix  of their names: "", "daemon ".
void describe_verbs(const CLI::App& app, const std::string& prefix,
                    std::vector<VerbEntry>& entries);

}  // namespace nines::cli
