// RuntimeDirectory=, StateDirectory= and their kin: made before the start, given to the unit's
// user, and for the first removed after the stop.
#pragma once

#include <map>
#include <string>

#include "app/unit/spec.h"
#include "base/result.h"
#include "sys/host_root.h"

namespace nines::supervise {

/// RUNTIME_DIRECTORY, STATE_DIRECTORY ...: absolute paths, joined by ':'. Only those the unit has.
std::map<std::string, std::string> directory_variables(const unit::ExecSettings& exec,
                                                       bool user_mode);

/// Creates what is missing and sets the mode of the innermost directories. Where the unit names a
/// user or group, sets their owner too, but for ConfigurationDirectory=; when it changes, so does
/// that of everything below.
/// Never follows a symbolic link that the unit, or anybody but root and us, could have made.
/// @param  root  where /run, /var/lib ... are.
/// @errors the context names the directive and directory. kDenied: also for an untrusted link.
///         kNotFound: no such user.
Status prepare_directories(const unit::Unit& unit, bool user_mode, const sys::HostRoot& root = {});

/// Removes RuntimeDirectory= with everything below, as RuntimeDirectoryPreserve= allows. Follows no
/// symbolic link and crosses no mount.
/// @param  will_start_again  this stop is the first half of a restart.
/// @errors the first failure; the other directories are removed all the same.
Status remove_runtime_directories(const unit::Unit& unit, bool user_mode, bool will_start_again,
                                  const sys::HostRoot& root = {});

}  // namespace nines::supervise
