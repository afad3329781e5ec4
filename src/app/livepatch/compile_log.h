// What was compiled and linked during a build, as nines-cc notes it: a file for each, since many
// run at a time.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::livepatch {

/// Where nines-cc finds the directory, and the compilers themselves.
inline constexpr const char* kLogVariable = "NINES_CC_LOG";
inline constexpr const char* kPathVariable = "NINES_CC_PATH";

struct Compiled {
  std::string source;  ///< absolute
  std::string
      output;  ///< the object that the build asked for, absolute; or the program it went into
  std::string exact;     ///< the object as the build has it
  std::string object;    ///< the same with a section for each function
  std::string lineless;  ///< that without line numbers; empty: it does not compile so
};

struct CompileLog {
  std::vector<Compiled> compiled;   ///< one for each source and output, the last
  std::vector<std::string> linked;  ///< programs and libraries, absolute
  std::vector<std::string> failed;  ///< sources that did not compile once more, and why
};

Status note_compiled(const std::string& directory, const Compiled& compiled);
Status note_linked(const std::string& directory, const std::string& output);
Status note_failed(const std::string& directory, const std::string& what);

/// @errors kCorrupt: a note is none; those of reading a directory.
Result<CompileLog> read_compile_log(const std::string& directory);

}  // namespace nines::livepatch
