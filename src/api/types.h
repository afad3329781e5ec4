// What goes over the API, typed. The JSON of each is in codec.h; the requests are in request.h.
//
// Times are UTC with nanoseconds; in JSON each appears twice: "since" for people (ISO 8601) and
// "since_ns", which is the one that is read back. A field that is not known is absent, never 0.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/types.h"

namespace nines::api {

/// Every document carries "api": kVersion. A change that an old client would misread raises it.
inline constexpr int kVersion = 1;

enum class UnitState : std::uint8_t {
  kStopped,
  kStarting,
  kRunning,
  kReloading,
  kStopping,
  kFailed,           ///< ended, and nothing will start it again
  kWaitingRestart,   ///< ended; the next attempt waits for its delay
  kConditionFailed,  ///< a Condition*= said no: not started, not a failure
};
std::string_view to_string(UnitState state);  ///< "waiting-restart"
std::optional<UnitState> unit_state_from(std::string_view text);

enum class LoadState : std::uint8_t { kLoaded, kNotFound, kBad };
std::string_view to_string(LoadState state);  ///< "loaded", "not-found", "bad"
std::optional<LoadState> load_state_from(std::string_view text);

enum class Health : std::uint8_t { kUnknown, kOk, kFailing };
std::string_view to_string(Health health);  ///< "unknown", "ok", "failing"
std::optional<Health> health_from(std::string_view text);

/// The downtime interval that is open now.
struct OpenDowntime {
  UtcTime since;
  bool planned = false;
  std::string cause_event;  ///< id of the event that began it, or empty
};

/// One unit as it is now.
struct UnitStatus {
  std::string name;  ///< with suffix: "redis-server.service"
  std::string description;
  LoadState load = LoadState::kLoaded;
  std::string load_detail;  ///< why it is not loaded
  UnitState state = UnitState::kStopped;
  std::string sub_state;  ///< free text: "start-pre", "restart 3 in 1.6 s"
  std::optional<pid_t> main_pid;
  std::optional<pid_t> standby_pid;
  std::optional<UtcTime> since;  ///< when it entered `state`
  std::optional<Nanoseconds> uptime;
  std::uint64_t restarts = 0;  ///< automatic ones, since it was started by hand or at boot
  std::string last_exit;       ///< "killed by SIGSEGV", "exited with 1"; empty: never ended
  std::optional<double> last_recovery_ms;  ///< notice of death to ready again
  Health health = Health::kUnknown;
  std::string health_detail;
  std::optional<Bytes> memory;
  std::optional<std::uint64_t> cpu_usec;
  std::optional<std::uint64_t> tasks;
  std::vector<std::string> listeners;         ///< held listening sockets: "127.0.0.1:6379"
  std::uint64_t fd_store = 0;                 ///< descriptors kept for it (FDSTORE=1)
  std::optional<double> availability_24h;     ///< fraction, 0..1
  std::optional<double> availability_target;  ///< fraction, 0..1
  std::optional<OpenDowntime> downtime;
  bool kept = false;               ///< started again when the daemon or the host starts
  std::vector<std::string> files;  ///< the fragment, then its drop-ins
};

/// One thing this kernel can or cannot do, and what for.
struct FeatureStatus {
  std::string name;
  bool available = false;
  std::string detail;
};

/// The daemon as it is now.
struct DaemonStatus {
  std::string version;   ///< of nines
  std::string instance;  ///< changes with each exec of the daemon: tells that a re-exec happened
  pid_t pid = 0;
  std::optional<pid_t> keeper_pid;
  UtcTime started;
  Nanoseconds uptime{0};
  std::string host;
  std::string boot_id;
  std::string runtime_dir;
  bool ledger_ok = true;
  std::string ledger_detail;  ///< "ok", "set aside: corrupt ...", "disk full: 12 events wait"
  std::string cgroup_mode;    ///< "v2", "v2 + v1(memory,cpu)", "none"
  std::vector<FeatureStatus> features;
  std::uint64_t units = 0;
};

/// One line that a unit wrote.
struct LogLine {
  UtcTime time;
  std::string stream;  ///< "out", "err", or "nines" for the supervisor's own remarks
  std::string text;    ///< without the newline; any bytes
};

/// An Error on its way over the wire.
struct ErrorBody {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint;

  static ErrorBody from(const Error& error);
  Error to_error() const;
};
std::optional<ErrorCode> error_code_from(std::string_view text);

/// What one unit answered to a verb.
struct UnitResult {
  std::string unit;
  std::optional<ErrorBody> error;     ///< empty: done
  std::string message;                ///< "already running", "ready after 12.0 ms"
  std::vector<std::string> warnings;  ///< e.g. directives that are not honoured

  bool ok() const { return !error.has_value(); }
};

/// @return whether systemd would take it as a unit's name: 1..255 of [A-Za-z0-9:_.\@-].
/// @source systemd.unit(5), "valid unit names"
bool valid_unit_name(std::string_view name);

}  // namespace nines::api
