// Names of units: "redis-server.service", "postgresql@15-main.service"; escaping.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace nines::unit {

/// The parts of a valid name: PREFIX[@[INSTANCE]].TYPE
struct UnitName {
  std::string prefix;        ///< "postgresql"
  std::string instance;      ///< "15-main"; empty for templates and plain units
  std::string type;          ///< "service"
  bool is_template = false;  ///< "postgresql@.service"
  bool is_instance = false;

  std::string full() const;
  /// "postgresql@.service" for an instance.
  std::string template_name() const;
};

/// Splits and checks. A name without a known suffix is taken as a service if `default_service`.
/// @errors kInvalidArgument. @source systemd.unit(5), unit-name.c
Result<UnitName> parse_unit_name(std::string_view name, bool default_service = false);

/// "/dev/sda 1" -> "dev-sda\x201". @source systemd.unit(5) "String Escaping"
std::string escape_name(std::string_view text);
std::string escape_path(std::string_view path);
/// Undoes escape_name. What is no escape stays as it is.
std::string unescape_name(std::string_view text);
/// Undoes escape_path: always absolute.
std::string unescape_path(std::string_view text);

/// The directories, without their parent, where drop-ins of the name are looked for, the most
/// specific first: "a-b@i.service.d", "a-b@.service.d", "a-@i.service.d", "a-@.service.d".
/// The type-wide "service.d" is not among them: it comes after all names of the unit.
std::vector<std::string> drop_in_directories(const UnitName& name);

}  // namespace nines::unit
