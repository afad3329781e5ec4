// The one table of every directive: where it may stand, who reads it, and what it does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/unit/draft.h"

namespace nines::unit {

enum Section : std::uint8_t {
  kUnit = 1,
  kService = 2,
  kSocket = 4,
  kInstall = 8,
  kNines = 16,
};
inline constexpr std::uint8_t kExec = kService | kSocket;  ///< directives of systemd.exec(5) etc.

/// The section of that name, or 0.
std::uint8_t section_from_name(std::string_view name);

using Handler = void (*)(Draft& draft, const Setting& setting);

/// What a second assignment does to the first.
enum class Repeat : std::uint8_t { kReplaces, kAdds };
inline constexpr Repeat kList = Repeat::kAdds;

/// One directive.
///
/// `text` says what nines does about it, "{}" standing for the value; or, where that depends on
/// the value, "yes: ...|no: ..." with one entry for each value (and "*: ..." for any other).
/// Without a handler nines knows the directive but does not honour it: `text` says what will not
/// happen.
struct Directive {
  std::uint8_t sections;
  std::string_view name;
  Handler handler;
  std::string_view text;
  Repeat repeat = Repeat::kReplaces;

  bool honoured() const { return handler != nullptr; }
};

/// Old spellings that systemd still takes.
struct Alias {
  std::uint8_t sections;
  std::string_view old_name;
  std::string_view name;
};

// One part of the table each; see directives_*.cc.
std::span<const Directive> unit_directives();
std::span<const Directive> service_directives();
std::span<const Directive> exec_directives();
std::span<const Directive> control_directives();  ///< kill and resource control
std::span<const Directive> socket_directives();
std::span<const Directive> nines_directives();
std::span<const Directive> ignored_directives();
std::span<const Alias> directive_aliases();

/// @return nullptr for a name that nobody knows there. Old spellings lead to the new one.
const Directive* find_directive(std::uint8_t section, std::string_view name);

/// What the user may have meant: a name of that section within a small edit distance, or a section
/// that has that very name. @return a whole sentence, or "".
std::string suggest_directive(std::uint8_t section, std::string_view name);

/// The entry of `text` for this value, placeholders filled in.
std::string describe(const Directive& directive, std::string_view value);

}  // namespace nines::unit
