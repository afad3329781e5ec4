// `nines unit check`: what each line of a unit will do, in words.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "app/unit/loader.h"

namespace nines::unit {

/// One directive of the files, or one that nobody set and whose absence has a meaning.
struct Explanation {
  DiagnosticLevel level = DiagnosticLevel::kInfo;  ///< kWarning: not honoured, or doubtful
  std::string file;                                ///< empty: not set anywhere
  int line = 0;
  int column = 0;
  std::string section;  ///< "Service"
  std::string directive;
  std::string value;   ///< printable, possibly cut
  std::string effect;  ///< a short sentence
};

/// All that can be said about one unit, usable or not.
struct UnitReport {
  std::string name;  ///< the unit's, or what was asked for where there is none
  std::vector<std::string> files;
  std::vector<Explanation> directives;
  std::vector<Diagnostic> diagnostics;  ///< every one, not only the first error

  bool usable() const;  ///< no diagnostic is an error
};

/// Checks a unit by name or path. A template is checked as its instance "instance". Never fails: a
/// unit that is not there or cannot be read is a report with that one error.
UnitReport check_unit(std::string_view name_or_path, const LoadContext& context);

struct ReadUnit;
/// The same for a unit that was read already.
UnitReport explain(const ReadUnit& read);

/// {"name", "usable", "files": [...], "directives": [{"directive", "section", "value", "effect",
/// "level", "file", "line", "column"}], "diagnostics": [{"level", "message", "directive", "file",
/// "line", "column"}]}; level is "info", "warning" or "error". Valid UTF-8 throughout.
nlohmann::json to_json(const UnitReport& report);

/// "info", "warning", "error".
std::string_view to_string(DiagnosticLevel level);

}  // namespace nines::unit
