// What is wrong with a command line, and what was probably meant.
#pragma once

#include <string>
#include <vector>

#include "cli/manual.h"

namespace nines::cli {

/// @return where the verb is: the first argument that is no option nor an option's value.
std::size_t first_word(const std::vector<std::string>& arguments);

/// @param verb    what the parser took for the verb; may be empty.
/// @param reason  what the parser says.
/// @return two lines: the fault, and the hint.
std::string usage_message(const CommandTable& table, const std::string& verb,
                          const std::vector<std::string>& arguments, const std::string& reason);

/// The same for a verb that there is not: "daemon stauts".
std::string unknown_verb_message(const CommandTable& table, const std::string& verb);

}  // namespace nines::cli
