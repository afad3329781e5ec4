// How `nines` ends: one table, for the code, the help and the manual.
#pragma once

#include <array>
#include <string_view>

#include "base/error.h"

namespace nines::cli {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kUnreachable = 3,
  kDenied = 4,
  kNoSuchUnit = 5,
  kPartly = 6,
};

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};

inline constexpr std::array<ExitCodeMeaning, 7> kExitCodes = {{
    {ExitCode::kOk, "done"},
    {ExitCode::kFailed, "the action failed"},
    {ExitCode::kUsage, "the command line is wrong"},
    {ExitCode::kUnreachable, "the daemon cannot be reached"},
    {ExitCode::kDenied, "not permitted"},
    {ExitCode::kNoSuchUnit, "no such unit, crash, process or patch"},
    {ExitCode::kPartly,
     "done for some of several units or processes; the output says which failed"},
}};

/// What an error of the API means for the exit code.
ExitCode exit_code_for(ErrorCode code);

}  // namespace nines::cli
