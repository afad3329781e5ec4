// ${VARIABLE} in command lines, expanded right before the command is executed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/unit/spec.h"
#include "base/result.h"

namespace nines::unit {

/// Expands the arguments of a command.
///   "$FOO" as a whole word   the value split into words (quotes group); none if unset or empty
///   "${FOO}" anywhere        the value as it is; empty if unset
///   "$$"                     one '$'
/// Any other '$' stays. The path is never expanded. With the ':' prefix nothing is.
/// @return argv, argv[0] first; never empty.
/// @errors kLimit: more than kMaxExpandedBytes.
/// @source systemd.service(5) "Command lines"; env-util.c replace_env_argv()
Result<std::vector<std::string>> expand_command(const ExecCommand& command,
                                                const std::map<std::string, std::string>& env);

/// The kernel refuses more than this for all of argv and envp on common stack limits.
inline constexpr std::size_t kMaxExpandedBytes = 8 << 20;

}  // namespace nines::unit
