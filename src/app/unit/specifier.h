// "%i" and its kin: what a unit file may say about its own name, its user and its host.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/unit/loader.h"
#include "app/unit/unit_name.h"
#include "base/result.h"

namespace nines::unit {

/// Resolves specifiers for one unit. What has to be asked from the system is asked on first use.
class SpecifierResolver {
 public:
  /// @pre  `context` outlives this.
  SpecifierResolver(UnitName name, const LoadContext& context);

  /// The fragment's path, for %y and %Y; known only once it was found.
  void set_fragment(std::string path) { fragment_ = std::move(path); }

  struct Resolved {
    std::string text;
    /// Offsets of '%' before a letter that is no specifier; such text stays as it is.
    std::vector<std::size_t> unknown;
  };
  /// @errors kLimit: all texts of the unit together grew beyond 16 MiB.
  ///         kNotFound: a specifier whose value this system cannot tell.
  /// @source systemd.unit(5) "Specifiers"
  Result<Resolved> resolve(std::string_view text);

  const UnitName& name() const { return name_; }

 private:
  std::optional<std::string> value_of(char letter);
  std::optional<std::string> ask(char letter) const;
  std::string from_name(char letter) const;

  UnitName name_;
  const LoadContext& context_;
  std::string fragment_;
  std::map<char, std::optional<std::string>> known_;
  std::size_t produced_ = 0;
};

}  // namespace nines::unit
