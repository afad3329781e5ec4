// A unit while it is being read: the sections of spec.h, filled assignment by assignment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/unit/loader.h"
#include "app/unit/spec.h"
#include "app/unit/specifier.h"
#include "app/unit/syntax.h"

namespace nines::unit {

/// One assignment on its way to its handler.
struct Setting {
  const Assignment& assignment;
  const std::string& file;
  std::string_view value() const { return assignment.value; }
};

/// What finish_draft() needs to know beyond the values.
struct Given {
  bool type = false;
  bool restart = false;
  bool health_check = false;
  bool dbus = false;
  bool permissions_start_only = false;
};

inline constexpr std::size_t kMaxDiagnostics = 1000;
inline constexpr std::size_t kMaxMessage = 1000;  ///< bytes

class Draft {
 public:
  explicit Draft(SpecifierResolver& specifiers) : specifiers_(specifiers) {}

  UnitSection unit;
  InstallSection install;
  ServiceSection service;
  SocketUnit socket;
  ExecSettings exec;
  KillSettings kill;
  ResourceSettings resources;
  NinesSection nines;
  HealthCheck health;  ///< HealthCheck*= in any order; moves to `nines` at the end
  Given given;
  std::vector<Diagnostic> diagnostics;

  template <typename Section>
  Section& section();

  /// @param offset  in the value; where the trouble is.
  void report(DiagnosticLevel level, const Setting& setting, std::size_t offset,
              std::string message);
  void error(const Setting& setting, std::size_t offset, std::string message) {
    report(DiagnosticLevel::kError, setting, offset, std::move(message));
  }
  void warning(const Setting& setting, std::size_t offset, std::string message) {
    report(DiagnosticLevel::kWarning, setting, offset, std::move(message));
  }

  /// Every remark goes through here, and is made printable. Beyond kMaxDiagnostics only one more is
  /// taken: that there are more, which is an error, since one of those left out may have been.
  void add(Diagnostic diagnostic);

  /// Resolves specifiers; reports what is wrong with them.
  /// @return nothing after an error was reported.
  std::optional<std::string> resolve(const Setting& setting, std::string_view text,
                                     std::size_t offset = 0);

  const UnitName& name() const { return specifiers_.name(); }

 private:
  SpecifierResolver& specifiers_;
};

template <>
inline UnitSection& Draft::section() {
  return unit;
}
template <>
inline InstallSection& Draft::section() {
  return install;
}
template <>
inline ServiceSection& Draft::section() {
  return service;
}
template <>
inline SocketUnit& Draft::section() {
  return socket;
}
template <>
inline ExecSettings& Draft::section() {
  return exec;
}
template <>
inline KillSettings& Draft::section() {
  return kill;
}
template <>
inline ResourceSettings& Draft::section() {
  return resources;
}
template <>
inline NinesSection& Draft::section() {
  return nines;
}
template <>
inline HealthCheck& Draft::section() {
  return health;
}

}  // namespace nines::unit
