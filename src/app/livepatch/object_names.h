// Which symbol of one object is which of another: compilers number what has no name of its own.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "elf/object.h"

namespace nines::livepatch {

/// @return "counter" of "counter.3"; the name itself if it has no number at its end.
std::string_view without_number(std::string_view name);

/// @return the function of which "f.cold" is a part; the name itself otherwise.
std::string_view parent_of_cold(std::string_view name);

/// @return the name of what a section holds alone, as -ffunction-sections and -fdata-sections make
///         them; empty of sections without a named symbol.
std::string name_of_section(const elf::Object& object, std::size_t section);

/// Static variables of functions: by base name, and by the functions that use them.
/// @return patched name -> original name, of those that are in both.
/// @errors kUnsupported: two of one name in one function, and not as many as before.
Result<std::map<std::string, std::string>> correlate_statics(const elf::Object& original,
                                                             const elf::Object& patched);

}  // namespace nines::livepatch
