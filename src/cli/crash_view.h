// Crashes as text and as JSON.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/crash/kept_crash.h"
#include "app/crash/known_signature.h"
#include "cli/terminal.h"

namespace nines::cli {

/// "null dereference": a classification's kind in words; with the signal where there is none.
std::string kind_in_words(const crash::Outcome& outcome);

/// As the known signatures are found: by id.
using KnownSignatures = std::map<std::string, crash::KnownSignature>;

/// One line each, that fits the terminal. Ends with a newline.
std::string crash_table(const std::vector<crash::KeptCrash>& crashes, const KnownSignatures& known,
                        const Terminal& terminal);

/// What a report begins with: what and where, when, how often, and what an operator wrote.
std::string crash_heading(const crash::Diagnosis& diagnosis, const crash::KeptCrash* crash,
                          const std::optional<crash::KnownSignature>& known,
                          const Terminal& terminal);

/// Members of the list's rows and of a report: part of the API.
nlohmann::json crash_json(const crash::KeptCrash& crash, const KnownSignatures& known);

}  // namespace nines::cli
