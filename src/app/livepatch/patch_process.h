// A patch and the processes that run what it is for.
#pragma once

#include <string>
#include <vector>

#include "app/livepatch/patch_file.h"
#include "app/livepatch/switch.h"
#include "base/result.h"
#include "base/types.h"

namespace nines::livepatch {

/// A program or library of one process that a patch is for.
struct PatchPlace {
  ProcessId process;
  std::string command;     ///< as it calls itself
  std::string module;      ///< path, as /proc/PID/maps has it
  std::size_t target = 0;  ///< index in the patch's targets
};

/// By the build-ids of what the process has mapped; without stopping it.
/// @return none: it runs nothing of the kind.
/// @errors kGone, kDenied: it cannot be looked at.
Result<std::vector<PatchPlace>> places_in(const Patch& patch, pid_t pid);

struct PlaceSearch {
  std::vector<PatchPlace> places;
  std::size_t looked_at = 0, denied = 0;
};
/// In all processes. @errors kDenied, kNotFound: no /proc.
Result<PlaceSearch> find_places(const Patch& patch);

/// The name by which a target's part of the patch goes in a process: at most 64 printable bytes,
/// another one for each target.
std::string name_in_process(const Patch& patch, std::size_t target);

/// @errors those of apply_patch().
Result<Switched> apply_to(const Patch& patch, const PatchPlace& place,
                          const SwitchOptions& options);

struct PatchedProcess {
  ProcessId process;
  std::string command;
  std::vector<PatchStatus> patches;
};
/// All processes that have a patch, of any maker of ours. What cannot be looked at is left out.
Result<std::vector<PatchedProcess>> find_patched();

}  // namespace nines::livepatch
