#include "app/unit/draft.h"

#include <fmt/format.h>

#include "app/unit/printable.h"

namespace nines::unit {

void Draft::add(Diagnostic diagnostic) {
  if (diagnostics.size() > kMaxDiagnostics) return;
  if (diagnostics.size() == kMaxDiagnostics) {
    diagnostic.level = DiagnosticLevel::kError;
    diagnostic.message = fmt::format("more than {} remarks; the rest is not told", kMaxDiagnostics);
  }
  diagnostic.message = printable(diagnostic.message, kMaxMessage);
  diagnostics.push_back(std::move(diagnostic));
}

void Draft::report(DiagnosticLevel level, const Setting& setting, std::size_t offset,
                   std::string message) {
  const Location at = setting.assignment.locate(offset);
  add({level, setting.file, at.line, at.column, setting.assignment.key, std::move(message)});
}

std::optional<std::string> Draft::resolve(const Setting& setting, std::string_view text,
                                          std::size_t offset) {
  Result<SpecifierResolver::Resolved> resolved = specifiers_.resolve(text);
  if (!resolved) {
    error(setting, offset, resolved.error().detail());
    return std::nullopt;
  }
  if (!resolved->unknown.empty()) {
    const std::size_t at = resolved->unknown.front();
    std::size_t length = 2;  // and whatever belongs to the same UTF-8 character
    while (at + length < text.size() && (text[at + length] & 0xc0) == 0x80) ++length;
    warning(setting, offset + at,
            fmt::format("'{}' is no specifier and stays as it is; write %% for a percent sign",
                        text.substr(at, length)));
  }
  return std::move(resolved->text);
}

}  // namespace nines::unit
