// From a unit's name to its meaning: finds the fragment and its drop-ins, parses, resolves.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/unit/spec.h"
#include "base/result.h"

namespace nines::unit {

enum class DiagnosticLevel : std::uint8_t { kInfo, kWarning, kError };

/// One remark about one place in one file.
struct Diagnostic {
  DiagnosticLevel level = DiagnosticLevel::kWarning;
  std::string file;
  int line = 0;           ///< 1-based; 0: the whole file
  int column = 0;         ///< 1-based
  std::string directive;  ///< "ExecStart", or empty
  std::string message;    ///< what will happen, or what is wrong and what to do
};

struct LoadedUnit {
  std::shared_ptr<const Unit> unit;
  std::vector<Diagnostic> diagnostics;
};

/// Whose units, and where they are looked for.
struct LoadContext {
  /// First match wins, as systemd.unit(5) orders them. See default_search_path().
  std::vector<std::string> search_path;
  bool user_mode = false;  ///< specifiers %t %S %h ... resolve as for `systemd --user`
  std::string hostname, machine_id, boot_id;  ///< empty: asked from the system when needed
};

/// NINES_UNIT_PATH (colon-separated, prepended; ending in ':' means "and then the default"), then
/// the directories of systemd.unit(5) with our own /etc/nines/units first.
std::vector<std::string> default_search_path(bool user_mode);

/// Loads by name ("nginx", "nginx.service", "postgresql@15-main.service") or by path
/// ("./x.service"). A name without suffix means .service.
/// @errors kNotFound: no such unit, with the directories searched as hint.
///         kInvalidArgument: the unit cannot be used; the first error diagnostic is the detail.
Result<LoadedUnit> load_unit(std::string_view name_or_path, const LoadContext& context);

}  // namespace nines::unit
