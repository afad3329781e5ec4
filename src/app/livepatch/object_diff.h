// What differs between two objects that were compiled from a file before and after a fix: which
// functions, which data, and what of that cannot be changed in a running program.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "elf/object.h"

namespace nines::livepatch {

struct SectionPair {
  std::size_t before = 0, after = 0;  ///< indexes of sections
};

struct ObjectDiff {
  std::vector<SectionPair> changed;  ///< code that is to be replaced
  std::vector<std::size_t> added;    ///< code that only `after` has
  std::vector<std::size_t> removed;  ///< code that only `before` has
  std::vector<std::size_t>
      new_data;  ///< allocated data that only `after` has; literals are not in it
  /// Section of `after` -> that of `before` which is the same thing in the running program.
  std::map<std::size_t, std::size_t> same;
  /// Why this cannot be done to a running program as it is, a sentence each.
  std::vector<std::string> refusals;

  bool empty() const { return changed.empty() && added.empty() && new_data.empty(); }
};

/// Sections are taken for the same by their names, but static variables of functions
/// ("counter.0"), whose numbers move with every other one in the file, by the function that refers
/// to them, in the order in which it does. Literals are compared by what they are, not by where the
/// assembler put them.
/// @pre both were compiled by the same compiler with the same flags, -ffunction-sections and
///      -fdata-sections among them.
ObjectDiff diff_objects(const elf::Object& before, const elf::Object& after);

/// "handle_request" of ".text.unlikely.handle_request": the function that a section of code is, or
/// is a part of; the section's name where it has no such form.
std::string function_name(const elf::ObjectSection& section);

}  // namespace nines::livepatch
