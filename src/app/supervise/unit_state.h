// What must be known of a unit after kill -9 of the daemon. One small JSON file for each unit,
// replaced atomically; on tmpfs, because none of it is true after a reboot.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/supervise/process_table.h"
#include "app/supervise/restart_policy.h"
#include "base/clock.h"
#include "base/id128.h"
#include "base/result.h"
#include "base/sparse.h"
#include "ledger/event.h"
#include "sys/cgroup.h"
#include "sys/pidfd.h"

namespace nines::supervise {

/// Where a service is in its life. The order of a full life; saved by name.
enum class Phase : std::uint8_t {
  kDead,
  kCondition,  ///< ExecCondition= runs
  kStartPre,   ///< ExecStartPre= runs
  kStart,      ///< ExecStart= runs (forking, oneshot) or readiness is awaited (notify)
  kStartPost,  ///< ready for use by others only after ExecStartPost=
  kRunning,
  kExited,  ///< RemainAfterExit=: active without a main process
  kReload,
  kStop,         ///< ExecStop= runs
  kStopSignal,   ///< KillSignal= sent, waiting for all to end
  kFinalKill,    ///< SIGKILL sent, waiting
  kStopPost,     ///< ExecStopPost= runs
  kWaitRestart,  ///< down; the next start is scheduled
  kFailed,
};
std::string_view to_string(Phase phase);

/// A process of the unit, by its slot in the ProcessTable.
struct SavedProcess {
  unsigned slot = ProcessTable::kNoSlot;
  Id128 invocation_id;
};

/// A replacement of the main process that is under way.
struct SavedRejuvenation {
  std::string cause;            ///< id of the event that asked for it, or empty
  Id128 invocation_id;          ///< of the successor
  SavedProcess retiring;        ///< the replaced process; none: the successor is not ready yet
  bool counts_as_down = false;  ///< the open downtime is the replacement's own
  bool interrupted = false;     ///< the successor is down; only the old one's end is awaited
  std::vector<std::string> stored{};  ///< in the descriptor store, by the successor
};

struct UnitState {
  std::string name;
  Phase phase = Phase::kDead;
  bool wanted = false;            ///< somebody asked for it and nobody has stopped it since
  Id128 invocation_id;            ///< of the present instance
  std::size_t command_index = 0;  ///< in the list of the present phase
  SavedProcess main, control, standby;
  std::vector<SavedProcess> dying;  ///< crashed, still being dumped, already replaced
  bool standby_frozen = false;
  bool standby_cgroup_b = false;  ///< which of the two cgroups the present main process is in

  BootTime phase_since;
  UtcTime active_since;  ///< when it became ready last
  BootTime active_since_boot;
  bool was_ready = false;  ///< this instance has been ready
  bool main_pid_known = false;

  RestartState restart;
  BootTime restart_due;                    ///< kWaitRestart
  std::optional<Outcome> pending_outcome;  ///< why it is being stopped, when not by request
  sys::ExitStatus last_exit;
  SparseText last_result;         ///< for people: "exit code 1", "health check failed: ..."
  SparseText status_text;         ///< STATUS= of sd_notify
  Nanoseconds last_recovery{-1};  ///< notice of death -> ready, -1: none yet
  /// Where its cgroups are: a successor may itself run in another place. [0]: a, [1]: b.
  sys::CgroupPaths cgroups[2];
  std::uint64_t oom_kills = 0;  ///< the cgroup's counter when the instance started

  SparseOptional<ledger::DowntimeInterval> downtime;  ///< open
  unsigned downtimes = 0;                             ///< that were closed
  std::vector<std::string> fd_store;                  ///< keeper's names of stored descriptors
  SparseOptional<SavedRejuvenation> rejuvenation;
  bool restart_after_stop = false;  ///< a planned restart is under way
  SparseText waits_for;  ///< stopped with this unit (BindsTo=), to be started when it is back
};

std::string encode(const UnitState& state);
/// @errors kCorrupt, naming the member.
Result<UnitState> decode_unit_state(const std::string& json);

/// The directory of state files.
class StateStore {
 public:
  explicit StateStore(std::string directory) : directory_(std::move(directory)) {}
  /// @errors kNoSpace, kDenied: the unit goes on, but would not survive a kill of the daemon.
  Status save(const UnitState& state) const;
  void remove(const std::string& unit) const;
  /// All that can be read; files that cannot are set aside as NAME.corrupt and reported.
  std::vector<UnitState> load_all(std::vector<Error>& problems) const;

 private:
  std::string directory_;
};

}  // namespace nines::supervise
