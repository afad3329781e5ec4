// A compiler's command line, as far as compiling the same once more needs to understand it. gcc and
// clang, C and C++.
#pragma once

#include <string>
#include <vector>

namespace nines::livepatch {

struct CompileCommand {
  std::vector<std::string> sources;  ///< as they are named; of C and C++ only
  std::string output;                ///< of -o, or empty
  bool compiles = false;             ///< -c: an object of one source
  bool links = false;                ///< makes a program or library

  /// Where the object goes, as the compiler itself decides. @pre compiles, one source.
  std::string object_path() const;
};

/// @param arguments  behind the compiler's name.
CompileCommand parse_compile_command(const std::vector<std::string>& arguments);

enum class Variant {
  kExact,     ///< as the command says
  kSections,  ///< with each function and each variable in a section of its own
  kNoLines,   ///< the same, with 0 for each __LINE__: to tell what changes from what only moves
};

/// The arguments that compile `source` in the same way to `object`, without what else the command
/// makes (dependencies, programs).
std::vector<std::string> arguments_for_object(const std::vector<std::string>& arguments,
                                              const std::string& source, const std::string& object,
                                              Variant variant);

/// Whether the file is taken for C or C++ by its name. @source gcc(1), "Options Controlling the
/// Kind of Output"
bool is_source(const std::string& name);

}  // namespace nines::livepatch
