// Directory trees that somebody untrusted may be changing while we, with more privileges, walk
// them. Everything goes by descriptor; nothing follows a link or crosses a mount.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::supervise {

/// Opens the directory `name` in `parent`.
/// A symbolic link is followed only if root or we made it, in a directory where nobody else could
/// have: administrators move /var/lib/x to another disk like that.
/// @errors kNotFound. kDenied: an untrusted link. kInvalidArgument: not a directory.
Result<UniqueFd> open_subdirectory(int parent, const std::string& name);

/// The same; creates it first, with exactly `mode`, if it is missing.
Result<UniqueFd> make_subdirectory(int parent, const std::string& name, mode_t mode);

struct Owner {
  uid_t uid;
  gid_t gid;
};

/// Gives `directory` and all below to `owner`; nothing is done if it has that owner already. The
/// directory itself comes last, so that an interrupted run is taken up again.
/// Left alone: other mounts, and files with more than one link that belonged neither to the
/// directory's former owner nor to the new one: links to somebody else's files are not its to give.
/// @errors kLimit: nested deeper than kMaxDepth.
Status change_owner(int directory, Owner owner);

/// Removes `name` in `parent` with all below. Missing is success.
/// @errors kBusy: a mount is in the way; what can be removed is removed. kLimit as above.
///         kInvalidArgument: not a directory.
Status remove_tree(int parent, const std::string& name);

inline constexpr int kMaxDepth = 256;

}  // namespace nines::supervise
