// The moment in which a process goes from old code to new, or back.
#pragma once

#include <string>

#include "app/livepatch/preparation.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"

namespace nines::livepatch {

struct SwitchOptions {
  /// Until the functions are on no stack; between the attempts the process runs.
  Nanoseconds within = std::chrono::seconds(10);
};

struct Switched {
  std::uint64_t image = 0;  ///< where the new code is, or was
  std::size_t functions = 0;
  int attempts = 0;
  Nanoseconds held{};  ///< how long all threads stood still in the last attempt
};

/// Prepares while the process runs, then switches all functions or none.
/// @param module  path of the program or library as /proc/PID/maps has it; empty: the program.
/// @errors kBusy: another patcher works on it. Those of Preparation::prepare(). kExists: it has a
/// patch of that name. kBusy: a function
///         was on a stack at every attempt; the detail names thread, function and frame.
///         kUnsupported: a seccomp filter, which might kill the process for what it has to do.
///         The process's code is unchanged then, and the new mapping gone.
Result<Switched> apply_patch(const ProcessId& process, const std::string& module,
                             const PatchInput& input, const SwitchOptions& options);

/// Puts back the very bytes that were there and unmaps the new code. Also clears up after a patcher
/// that was killed half way.
/// @errors kNotFound: no patch of that name. kBusy: as above, of the new code; or a later patch
///         lies over one of its functions.
Result<Switched> revert_patch(const ProcessId& process, const std::string& name,
                              const SwitchOptions& options);

enum class PatchState : std::uint8_t {
  kApplied,
  kPartial,  ///< its patcher was killed between two functions
  kUnused,   ///< mapped, and no function leads there
  kCovered,  ///< a later patch leads one of its functions elsewhere
};

struct PatchStatus {
  std::string name;
  PatchState state = PatchState::kUnused;
  std::vector<PatchedFunction> functions;
};

/// What the process itself says, compared with its code. Does not stop it.
Result<std::vector<PatchStatus>> list_patches(const ProcessId& process);

}  // namespace nines::livepatch
