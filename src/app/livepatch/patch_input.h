// What a patch is made of.
#pragma once

#include <string>
#include <vector>

namespace nines::livepatch {

/// One source file that a fix changes, compiled three times; the bytes of the objects.
struct ObjectInput {
  std::string name;
  std::string pre;       ///< original source, exactly as the running program was compiled
  std::string original;  ///< the same with -ffunction-sections -fdata-sections
  std::string patched;   ///< the fixed source, likewise
  /// Functions that change; others that differ do so by their line numbers alone, and stay. Empty:
  /// all that differ.
  std::vector<std::string> only = {};
};

struct PatchInput {
  std::string name;  ///< printable, without '/' and spaces, at most 64 bytes
  std::vector<ObjectInput> objects;
};

}  // namespace nines::livepatch
