// Who a unit's processes are: User=, Group=, SupplementaryGroups= looked up.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "app/unit/spec.h"
#include "base/result.h"

namespace nines::supervise {

struct Identity {
  bool switches = false;  ///< the new process must change from our own identity to this one
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< all supplementary groups, when it switches
  std::string user;           ///< for $USER; empty for a system unit without User=
  std::string home;           ///< empty: none that a daemon should use ("/", or not absolute)
  std::string shell;          ///< empty: none, or one that refuses logins
};

/// How a unit's commands are executed; null for a target, which has none.
const unit::ExecSettings* exec_settings(const unit::Unit& unit);

/// Looks up who the unit runs as. A unit without User= runs as we do. With DynamicUser= the user
/// that User= names, or one named like the unit, must exist: none is made up.
/// @param  user_mode  for a user's own units: nothing but this user is possible.
/// @errors kNotFound: no such user or group. kDenied: we may not become that user or group.
///         Each names the directive.
/// @source systemd.exec(5), User=, Group=, SupplementaryGroups=, DynamicUser=
Result<Identity> resolve_identity(const unit::Unit& unit, bool user_mode);

}  // namespace nines::supervise
