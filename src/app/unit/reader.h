// Reads the files of one unit into a Unit, and remembers every assignment for explain.h.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/unit/directive.h"
#include "app/unit/loader.h"
#include "app/unit/unit_name.h"

namespace nines::unit {

/// One assignment as it was understood.
struct ReadSetting {
  std::string file;
  Location location;
  std::string section, key, value;
  const Directive* directive = nullptr;  ///< nullptr: nobody knows it
  /// What reading it gave rise to; kInfo with no remark when all is well.
  DiagnosticLevel level = DiagnosticLevel::kInfo;
  std::string remark;
};

struct ReadUnit {
  Unit unit;
  std::vector<Diagnostic> diagnostics;  ///< of all files, in their order; then of the whole
  std::vector<ReadSetting> settings;

  const Diagnostic* first_error() const;
};

/// A file's path and its bytes.
using NamedText = std::pair<std::string, std::string>;

/// What stands beside the files.
struct Surroundings {
  std::vector<std::string> wants, requires_units;  ///< from NAME.wants/ and NAME.requires/
  bool has_socket = false;                         ///< there is a .socket unit of the same name
};

/// Reads fragment and drop-ins, already in order, and checks the whole. Never fails: see
/// first_error(). Pure but for what specifiers ask from the host.
ReadUnit read_unit(const UnitName& name, const std::vector<NamedText>& files,
                   const LoadContext& context, const Surroundings& surroundings = {});

/// Finds the files by name or path and reads them.
/// @param template_instance  the instance that a template stands for, when it is only to be
/// checked;
///                           empty: a template is an error.
/// @errors as find_unit() and find_unit_at(); kDenied, kIo ...: a file cannot be read.
Result<ReadUnit> find_and_read(std::string_view name_or_path, const LoadContext& context,
                               std::string_view template_instance = {});

}  // namespace nines::unit
