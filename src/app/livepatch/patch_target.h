// Which program a pair of objects is in: by matching the code of `before` with the program's file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/livepatch/object_diff.h"
#include "app/livepatch/run_pre.h"
#include "base/result.h"
#include "elf/object.h"

namespace nines::livepatch {

struct ProgramFile {
  std::string build_id;
  std::vector<RunningCode> code;  ///< its executable segments, at the file's own addresses
};

/// @param bytes  of the whole file; outlive the result.
/// @errors kUnsupported: it has no build-id, by which a patch would know it again. kCorrupt: no
///         program.
Result<ProgramFile> read_program_file(std::string_view bytes);

/// How much of the code that a fix replaces is in a program.
struct Presence {
  std::vector<std::string> found;    ///< functions, each once
  std::vector<std::string> missing;  ///< nowhere, with how the nearest differs where that is known
  std::vector<std::string> ambiguous;  ///< several places look like it
};

/// @errors kUnsupported: a relocation of a type that is not known.
Result<Presence> look_for(const elf::Object& before, const ObjectDiff& diff,
                          const ProgramFile& program);

}  // namespace nines::livepatch
