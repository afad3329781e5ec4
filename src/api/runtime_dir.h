// Where the daemon and its clients meet.
#pragma once

#include <string>

namespace nines::api {

/// @return NINES_RUNTIME_DIR; or /run/nines for root; or $XDG_RUNTIME_DIR/nines; or, where a user's
///         session did not set that, /run/user/UID/nines.
std::string default_runtime_dir();

std::string api_socket_path(const std::string& runtime_dir);

}  // namespace nines::api
