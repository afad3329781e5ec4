// What a source change changed in an object file: functions to replace, code and data to add.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "elf/object.h"

namespace nines::livepatch {

struct ObjectDiff {
  /// Sections of the patched object that replace running functions, and the names of those.
  std::map<std::size_t, std::string> replaced;
  /// All sections of the patched object to be loaded, those of `replaced` included; ascending.
  std::vector<std::size_t> included;
  /// Old functions and their split-off parts that no thread may be in: names in the original.
  std::vector<std::string> retired;
  /// Names that the compiler numbered otherwise in the patched object: patched to original.
  std::map<std::string, std::string> renamed;
};

/// Both compiled with -ffunction-sections -fdata-sections and otherwise as the running program.
/// @errors kUnsupported: data that is in use would have to change (its initial value or size, a
///         new thread-local variable), or which variable is which cannot be told; the detail says
///         which and why.
/// @param only  names of functions: no others are replaced. Empty: all that differ.
Result<ObjectDiff> diff_objects(const elf::Object& original, const elf::Object& patched,
                                const std::vector<std::string>& only);

}  // namespace nines::livepatch
