// EnvironmentFile=: the shell-like file of VARIABLE=VALUE lines, and os-release.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nines::unit {

struct EnvironmentFileContents {
  /// In the order of the file; of two with the same name the later one counts.
  std::vector<std::pair<std::string, std::string>> variables;
  struct Remark {
    int line;
    std::string message;
  };
  std::vector<Remark> skipped;  ///< what was not understood; the rest still holds
};

/// Parses the whole text. Never fails: an application that ran yesterday with a stray line in
/// /etc/default/NAME starts today too; what was skipped is told.
/// @source systemd.exec(5) EnvironmentFile=; env-file.c (since v254 a backslash does not continue
///         a comment)
EnvironmentFileContents load_environment_file(std::string_view text);

}  // namespace nines::unit
