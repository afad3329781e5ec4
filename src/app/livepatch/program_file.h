// Whether a program, as it lies in a file, has the code that a fix replaces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/livepatch/patch_input.h"
#include "app/livepatch/run_pre.h"
#include "base/result.h"
#include "elf/program.h"

namespace nines::livepatch {

class ProgramFile {
 public:
  /// @param bytes  of the whole file; outlive this.
  /// @errors kUnsupported: it has no build-id, by which a patch would know it again. kCorrupt: no
  ///         program.
  static Result<ProgramFile> read(std::string_view bytes);

  const std::string& build_id() const { return build_id_; }
  /// @return the functions that the object changes.
  /// @errors kNotFound: it has not, or not all of, what the object replaces; the detail says what.
  ///         Those of reading the objects.
  Result<std::vector<std::string>> has(const ObjectInput& object) const;

 private:
  std::string_view bytes_;
  elf::Program program_;
  std::string build_id_;
  std::vector<RunningText> code_;
};

}  // namespace nines::livepatch
