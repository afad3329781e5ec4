// Makes a patch out of a source tree and a diff: builds the tree as it builds itself, before and
// after the diff, in a copy, with nines-cc in front of the compilers.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "app/livepatch/patch_file.h"
#include "base/result.h"

namespace nines::livepatch {

struct BuildRequest {
  std::string source;                 ///< directory; it is copied, and not altered
  std::string diff;                   ///< file, for `patch -p1`
  std::string command;                ///< for sh -c, in the copy
  std::vector<std::string> binaries;  ///< what is to be patched; empty: what the build links
  std::string name, cve;
  std::string compiler_helper;  ///< path of nines-cc
  std::chrono::seconds within{3600};
};

/// Of one file of the source that the diff, or a header in it, changes.
struct BuiltObject {
  std::string source;
  std::vector<std::string> functions;  ///< that are replaced
  std::vector<std::string> added;      ///< functions and data that are new
  std::vector<std::string> refusals;
};

struct BuiltPatch {
  Patch patch;
  std::vector<BuiltObject> objects;      ///< also those with refusals
  std::vector<std::string> not_matched;  ///< programs, and why they are no targets
};

/// What an object of a patch changes.
/// @errors those of reading it.
Result<BuiltObject> describe(const ObjectInput& object);

/// @param progress  told of each step; may be empty.
/// @errors kInvalidArgument: the diff does not apply. kIo: a build failed; its last lines are the
///         detail. kNotFound: nothing that runs changes, or no program has what changes.
///         kUnsupported: the change cannot be made to a running program: see `refused`.
/// @param refused   set to what was found when the error is kUnsupported.
Result<BuiltPatch> build_patch(const BuildRequest& request,
                               const std::function<void(const std::string&)>& progress,
                               std::vector<BuiltObject>* refused);

}  // namespace nines::livepatch
