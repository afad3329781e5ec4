#include "cli/event_view.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/text_width.h"

namespace nines::cli {
namespace {

Tone tone_of(ledger::Severity severity) {
  switch (severity) {
    case ledger::Severity::kWarning: return Tone::kWarning;
    case ledger::Severity::kError: return Tone::kBad;
    case ledger::Severity::kInfo: break;
  }
  return Tone::kPlain;
}

/// "reason=killed by SIGSEGV, pid=12".
std::string members(const std::string& detail_json) {
  const auto detail = nlohmann::json::parse(detail_json, nullptr, /*allow_exceptions=*/false);
  if (!detail.is_object()) return detail_json == "{}" ? "" : detail_json;
  std::string text;
  for (const auto& item : detail.items()) {
    const std::string value =
        item.value().is_string()
            ? item.value().get_ref<const std::string&>()
            : item.value().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (value.empty()) continue;
    if (!text.empty()) text += ", ";
    text += item.key() + '=' + value;
  }
  return text;
}

}  // namespace

std::string event_line(const ledger::Event& event, const Terminal& terminal) {
  const std::string subject = event.subject.empty() ? "(host)" : event.subject;
  std::string line = terminal.paint(to_iso8601(event.time), Tone::kFaint);
  line += fmt::format("  {}  {}", printable(subject),
                      terminal.paint(printable(event.kind), tone_of(event.severity)));
  if (const std::string detail = members(event.detail_json); !detail.empty()) {
    line += "  " + printable(detail);
  }
  return line;
}

std::string log_line(const api::LogLine& line, bool plain, const Terminal& terminal) {
  const std::string text = terminal.foreign(line.text);
  if (plain) return text;
  return terminal.paint(to_iso8601(line.time), Tone::kFaint) + ' ' + text;
}

Result<UtcTime> parse_since(const std::string& text, UtcTime now) {
  if (text.find('T') != std::string::npos) return parse_iso8601(text);
  struct Unit {
    std::string_view name;
    std::int64_t seconds;
  };
  static constexpr std::array<Unit, 5> kUnits = {
      {{"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
  // A hundred years: far from where nanoseconds overflow.
  if (error == std::errc() && count >= 0 && count <= 3'155'760'000) {
    for (const Unit& unit : kUnits) {
      if (unit.name == name && count <= 3'155'760'000 / unit.seconds) {
        return UtcTime{now.ns - count * unit.seconds * 1'000'000'000};
      }
    }
  }
  return Error(ErrorCode::kInvalidArgument, "--since", text)
      .with_detail("neither a time nor a duration")
      .with_hint("write 90s, 10min, 2h, 1d, or 2026-11-22T22:08:01Z");
}

}  // namespace nines::cli
