// Finds the files of a unit: its fragment, the names it also has, and its drop-ins in order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/unit/unit_name.h"
#include "base/result.h"

namespace nines::unit {

struct UnitFiles {
  UnitName name;                      ///< the real one, where it was asked for by an alias
  std::vector<std::string> aliases;   ///< names that led here, as asked for
  std::string fragment;               ///< path to read
  std::vector<std::string> drop_ins;  ///< in the order in which they apply
  std::vector<std::string> wants, requires_units;  ///< from NAME.wants/ and NAME.requires/
};

/// Looks a unit up by name: the first directory that has it wins, an instance's own file before its
/// template; symbolic links to another unit's name are aliases.
/// @errors kNotFound: no such file, with the directories as hint.
///         kInvalidArgument: masked (a link to /dev/null, or an empty file); an alias that leads to
///         another type of unit, or in a circle.
/// @source systemd.unit(5)
Result<UnitFiles> find_unit(const UnitName& name, const std::vector<std::string>& search_path);

/// The same for a fragment named by path; its directory is searched first for drop-ins.
/// @errors kNotFound; kInvalidArgument: no unit's name.
Result<UnitFiles> find_unit_at(const std::string& path,
                               const std::vector<std::string>& search_path);

/// Drop-ins of all names of the unit, ordered by file name; of two with the same file name the more
/// specific one, else the one found first, hides the other. Masked ones are left out.
std::vector<std::string> find_drop_ins(const std::vector<UnitName>& names,
                                       const std::vector<std::string>& search_path);

}  // namespace nines::unit
