// Why a unit went down, in few enough words to count by: "crash:SEGV", "exit:3", "watchdog".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/event.h"

namespace nines::ledger {

enum class CauseClass : std::uint8_t {
  kUnknown,       ///< no event tells
  kCrash,         ///< a signal that dumps core; what: its name, "SEGV", and what was found out,
                  ///< "SEGV: null dereference in main()"
  kKilled,        ///< another signal; what: its name
  kExit,          ///< it ended by itself; what: the exit code
  kOom,           ///< the kernel was out of memory, or its cgroup was
  kWatchdog,      ///< no WATCHDOG=1 in time
  kHealth,        ///< its health check failed
  kTimeout,       ///< TimeoutStartSec=, RuntimeMaxSec=
  kStartFailed,   ///< it could not be started
  kDependency,    ///< stopped because another unit went down; what: that unit
  kRequest,       ///< somebody asked for it
  kRejuvenation,  ///< replaced before it failed, with a gap
  kShutdown,      ///< the daemon was asked to end, as a host does that goes down in order
  kHostCrash,     ///< the host went away without a word
  kHostReboot,    ///< the host was shut down in order
};

struct Cause {
  CauseClass kind = CauseClass::kUnknown;
  std::string what;  ///< see CauseClass; or empty

  friend auto operator<=>(const Cause&, const Cause&) = default;
};

/// What an event, taken as the beginning of a downtime, says about its cause.
Cause classify(const Event& event);

std::string to_string(const Cause& cause);  ///< "crash:SEGV"; stored, hence never changed
/// The inverse. What is not known (a later version's) is kUnknown with the whole text.
Cause cause_from(std::string_view text);

/// For people: "crashed with SIGSEGV".
std::string describe(const Cause& cause);

/// @param captured  the event of who looked at the crash, if there is one: it knows more than the
///                  process's end told.
Cause with_findings(Cause cause, const std::optional<Event>& captured);

/// Kinds that the ledger itself looks for.
inline constexpr std::string_view kReadyKind = "unit.ready";
inline constexpr std::string_view kDumpedKind = "unit.dumped";
/// A crash was looked at; caused by the event that tells of its process's end.
inline constexpr std::string_view kCapturedKind = "crash.captured";
inline constexpr std::string_view kOutageKind = "host.outage";
inline constexpr std::string_view kDaemonStoppingKind = "daemon.stopping";
inline constexpr std::string_view kDaemonStartedKind = "daemon.started";
inline constexpr std::string_view kPredictionKinds = "predict.*";
inline constexpr std::string_view kPredictionPrefix = "predict.";
/// A unit was replaced by plan before it could fail, perhaps without any downtime.
inline constexpr std::string_view kRejuvenatedKind = "unit.rejuvenated";

/// Under this name the intervals of the host itself are kept. No unit can have it: it has no
/// suffix.
inline constexpr std::string_view kHostUnit = "host";

}  // namespace nines::ledger
