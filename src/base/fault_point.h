// Fault injection: named places where a test makes the process fail, die or wait.
//
// NINES_FAULT="NAME:ACTION[@N][,...]" in the environment arms them; ACTION is
//   fail   the place returns kInjected (where it can fail at all)
//   kill   SIGKILL to the own process: what a crash or the OOM killer would do
//   stall  sleep for one second: widens races
// and @N (default 1) fires on the N-th pass only; @* on every pass.
// With NINES_FAULT_TOKEN=FILE a fault fires only if it can remove FILE, so once over all processes
// that inherit the environment. Unarmed, a FaultPoint costs one relaxed load.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace nines {

enum class FaultPoint : std::uint8_t {
#define NINES_FAULT_POINT(name) name,
#include "base/fault_points.def"
#undef NINES_FAULT_POINT
  kCount
};

std::string_view to_string(FaultPoint point);

namespace fault {

/// Reads NINES_FAULT. Called once, early in main. @errors kInvalidArgument: unknown name or action.
Status arm_from_environment();
/// Arms from a text in NINES_FAULT's form; replaces what was armed. Empty text disarms.
Status arm(std::string_view text);

extern std::atomic<bool> any_armed;
Status hit_slow(FaultPoint point);

/// Marks the place. Returns kInjected when armed with `fail`.
inline Status hit(FaultPoint point) {
  if (!any_armed.load(std::memory_order_relaxed)) return {};
  return hit_slow(point);
}

/// For places that cannot report a failure: only `kill` and `stall` have an effect there.
inline void pass(FaultPoint point) {
  (void)hit(point).has_value();
}

}  // namespace fault
}  // namespace nines
