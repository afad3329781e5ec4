// Where the daemon and its clients meet.
#pragma once

#include <string>

namespace nines::api {

/// @return NINES_RUNTIME_DIR; or /run/nines for root; or $XDG_RUNTIME_DIR/nines; or, where a user's
///         session did not set that, /run/user/UID/nines where that exists, else /tmp/nines-UID.
std::string default_runtime_dir();

/// Whether it is a directory, no link, of this user, in which nobody else can make files. In /tmp
/// anybody may have made it, to be taken for our daemon.
bool is_private_directory(const std::string& path);

/// Where the ledger is: /var/lib/nines for root; else $XDG_STATE_HOME/nines or
/// ~/.local/state/nines.
std::string default_state_dir();

std::string api_socket_path(const std::string& runtime_dir);

/// A link to the ledger of the daemon that used this directory last.
std::string ledger_link_path(const std::string& runtime_dir);
/// Where the ledger is without such a link, as after a boot: in /var/lib/nines; or for a user in
/// $XDG_STATE_HOME/nines or ~/.local/state/nines.
std::string default_ledger_path();

}  // namespace nines::api
