#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/unit/explain.h"
#include "cli/text_width.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

Tone tone_of(unit::DiagnosticLevel level) {
  switch (level) {
    case unit::DiagnosticLevel::kWarning: return Tone::kWarning;
    case unit::DiagnosticLevel::kError: return Tone::kBad;
    case unit::DiagnosticLevel::kInfo: break;
  }
  return Tone::kPlain;
}

/// "FILE:LINE:COLUMN", as compilers write it, so that editors find the place.
std::string place(const std::string& file, int line, int column) {
  if (line == 0) return file;
  return column == 0 ? fmt::format("{}:{}", file, line)
                     : fmt::format("{}:{}:{}", file, line, column);
}

void print_report(const Context& context, const unit::UnitReport& report) {
  const Terminal& terminal = context.terminal;
  context.out << terminal.paint(printable(report.name), Tone::kStrong) << '\n';
  for (const unit::Explanation& line : report.directives) {
    context.out << fmt::format(
        "  {}  {}\n",
        terminal.paint(printable(fmt::format("{}={}", line.directive, line.value)), Tone::kFaint),
        terminal.paint(printable(line.effect), tone_of(line.level)));
  }
  for (const unit::Diagnostic& remark : report.diagnostics) {
    const std::string what =
        remark.directive.empty() ? remark.message : remark.directive + "=: " + remark.message;
    context.out << fmt::format(
        "{}: {}: {}\n", printable(place(remark.file, remark.line, remark.column)),
        terminal.paint(to_string(remark.level), tone_of(remark.level)), printable(what));
  }
}

}  // namespace

ExitCode run_unit_check(const Context& context, const UnitCheckOptions& options) {
  unit::LoadContext load;
  load.user_mode = options.user;
  load.search_path = unit::default_search_path(options.user);
  std::size_t bad = 0;
  auto list = nlohmann::json::array();
  for (const std::string& file : options.files) {
    const unit::UnitReport checked = unit::check_unit(file, load);
    if (!checked.usable()) ++bad;
    if (context.json) {
      list.push_back(unit::to_json(checked));
    } else {
      print_report(context, checked);
    }
  }
  if (context.json) {
    context.out << nlohmann::json{{"api", api::kVersion}, {"units", list}}.dump() << '\n';
  }
  if (bad == 0) return ExitCode::kOk;
  return bad == options.files.size() ? ExitCode::kFailed : ExitCode::kPartly;
}

}  // namespace nines::cli
