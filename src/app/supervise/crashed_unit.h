// What is known of a process that crashes, and what its unit says about that.
#pragma once

#include <optional>
#include <string>

#include "app/unit/spec.h"
#include "base/types.h"

namespace nines::supervise {

struct CrashedUnit {
  std::string name;
  std::string end_event;  ///< of a main process: id of the event that tells of its end
  std::string watchdog;   ///< we had it crash, since it hung: what we saw of that; or empty
  std::string log;        ///< path of what it printed; there may be none
  unit::CrashCore core = unit::CrashCore::kAuto;
  std::optional<Bytes> core_limit{};
  bool successor_waits = false;   ///< the next main process starts once this one is gone
  bool successor_serves = false;  ///< it has been started already
  bool kill_dump = false;         ///< CrashHandover=kill-dump
};

}  // namespace nines::supervise
