// What is asked of criu, and how its answers read.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "matrix/host.h"

namespace nines::matrix {

using Version = std::pair<int, int>;  ///< major, minor

/// The distribution's, or the newer one that tools/install-criu has put beside it, which goes
/// first; empty: there is none.
std::string criu_program(const Host& host);
Command criu_version_command(const std::string& criu);
Command criu_check_command(const std::string& criu);
/// Whether `criu check` can say more than "you are not root". @source criu(8), "check"
bool may_check(const Host& host);
void begin_criu(const Host& host);

/// From "Version: 4.2.1\n...". @return nothing for another form.
std::optional<Version> parse_criu_version(std::string_view text);
/// From "6.12.41+deb13-amd64".
std::optional<Version> parse_kernel_release(std::string_view text);

}  // namespace nines::matrix
