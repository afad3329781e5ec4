// What specifiers ask from the host and the user that we run as.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nines::unit {

/// The base directories that %t %S %C %L %E resolve to.
enum class BaseDirectory { kRuntime, kState, kCache, kLogs, kConfiguration, kData };

/// @source file-hierarchy(7); XDG Base Directory Specification for users
std::string base_directory(BaseDirectory which, bool user_mode);

/// Home of the user that we run as: $HOME, else from the user database.
std::string home_directory();

/// One field of os-release(5), or "".
std::string os_release_field(std::string_view name);

/// @return e.g. "x86-64", as ConditionArchitecture= names it.
std::string architecture_name();

}  // namespace nines::unit
