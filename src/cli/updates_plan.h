// What security updates mean for what runs here: who has to be restarted for them, how, and how
// long that will take by this host's own ledger. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/types.h"
#include "app/updates/package_use.h"
#include "app/updates/process_files.h"
#include "app/updates/security_updates.h"
#include "ledger/why.h"

namespace nines::cli {

/// A unit, or a program of no unit.
struct RestartStep {
  std::string who;               ///< "redis-server.service", or "sshd"
  bool is_ours = false;          ///< nines keeps it
  bool is_unit = false;          ///< of nines or of systemd
  std::vector<pid_t> processes;  ///< that run the files
  /// Of the unit's restarts by request in the last year, or else of its failures: the mean
  /// downtime.
  std::optional<Nanoseconds> expected;
  std::size_t samples = 0;
  bool by_failures = false;
  bool held = false;  ///< its listener is kept meanwhile: clients wait, none is refused
};

struct UpdatesPicture {
  updates::PendingUpdates pending;
  updates::PackageUses uses;         ///< of `pending.pending`, in its order
  updates::FileUsers stale;          ///< run what was replaced already
  std::vector<RestartStep> after;    ///< an upgrade of all that waits
  std::vector<RestartStep> overdue;  ///< for what was replaced already
  std::string no_history;  ///< why nothing is known of restarts; empty: the ledger was read
};

/// @param units   as the daemon told them.
/// @param report  of the last year; nullptr: there is none.
/// @return by name, the units that nines keeps first.
std::vector<RestartStep> restart_steps(const std::vector<updates::FileUser>& users,
                                       const std::vector<api::UnitStatus>& units,
                                       const ledger::WhyReport* report);

/// All users of any package.
std::vector<updates::FileUser> all_users(const updates::PackageUses& uses);

/// How it is restarted, as a command; empty for a program of no unit.
std::string command_of(const RestartStep& step);

}  // namespace nines::cli
