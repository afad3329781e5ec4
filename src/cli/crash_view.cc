#include "cli/crash_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/crash/crash_site.h"
#include "cli/table.h"
#include "cli/text_width.h"
#include "sys/file.h"
#include "sys/signals.h"

namespace nines::cli {
namespace {

using nlohmann::json;

/// "2026-11-22T22:08:01Z"
std::string to_seconds(UtcTime time) {
  constexpr std::int64_t kSecond_ns = 1'000'000'000;
  std::string text = to_iso8601(UtcTime{time.ns - time.ns % kSecond_ns});
  const auto point = text.find('.');
  return point == std::string::npos ? text : text.substr(0, point) + "Z";
}

std::string words_of(std::string kind) {
  std::replace(kind.begin(), kind.end(), '-', ' ');
  return kind;
}

std::uint64_t times_seen(const crash::Outcome& outcome, const KnownSignatures& known) {
  const auto at = known.find(outcome.signature);
  return at == known.end() ? outcome.same : std::max(at->second.count, outcome.same);
}

/// For the functions, which may have names of any length.
std::size_t width_of_where(const Terminal& terminal) {
  constexpr std::size_t kOthers = 84, kLeast = 16, kMost = 80;
  if (terminal.width == 0) return 200;
  return std::clamp(terminal.width > kOthers ? terminal.width - kOthers : 0, kLeast, kMost);
}

}  // namespace

std::string kind_in_words(const crash::Outcome& outcome) {
  if (outcome.kind.empty()) return sys::signal_name(outcome.signal) + ", not diagnosed";
  if (outcome.kind == "signal") return sys::signal_name(outcome.signal);
  return words_of(outcome.kind);
}

std::string crash_table(const std::vector<crash::KeptCrash>& crashes, const KnownSignatures& known,
                        const Terminal& terminal) {
  constexpr std::size_t kLongestName = 24;
  Table table(
      {{"WHEN", false, 3}, {"CRASH"}, {"UNIT", false, 1}, {"WHAT"}, {"WHERE"}, {"SEEN", true, 2}});
  const std::size_t digits = crash::short_id_length(crashes);
  for (const crash::KeptCrash& one : crashes) {
    std::string unit, what = "capture.json is damaged", where, seen;
    if (one.outcome) {
      const crash::Outcome& outcome = *one.outcome;
      unit = outcome.unit.empty() ? outcome.program : outcome.unit;
      what = kind_in_words(outcome);
      where = outcome.function;
      if (const std::uint64_t times = times_seen(outcome, known); times > 0) {
        seen = fmt::format("{}x", times);
      }
    }
    table.add({{to_seconds(one.time), Tone::kFaint},
               {one.id.substr(0, digits)},
               {shorten(printable(unit), kLongestName)},
               {printable(what), Tone::kBad},
               {shorten(printable(where), width_of_where(terminal))},
               {seen}});
  }
  return table.render(terminal);
}

std::string crash_heading(const crash::Diagnosis& diagnosis, const crash::KeptCrash* crash,
                          const std::optional<crash::KnownSignature>& known,
                          const Terminal& terminal) {
  const std::string where = crash::crash_site(diagnosis);
  std::string title = words_of(diagnosis.classification.kind);
  if (crash != nullptr && crash->outcome && !crash->outcome->kind.empty()) {
    title = kind_in_words(*crash->outcome);  // it knows what no core tells
  }
  if (!where.empty()) title += " in " + where;
  std::string text = terminal.paint(printable(title), Tone::kBad) + "\n";
  if (crash != nullptr) {
    const std::string unit = crash->outcome ? crash->outcome->unit : std::string();
    text += fmt::format("crash      {}{}, {}\n", unit.empty() ? "" : printable(unit) + ", ",
                        to_seconds(crash->time), crash->id);
  }
  if (known) {
    text += fmt::format("seen       {} time{} since {}, in {} build{}\n", known->count,
                        known->count == 1 ? "" : "s", to_seconds(known->first_seen),
                        known->builds.size(), known->builds.size() == 1 ? "" : "s");
    if (!known->note.empty()) text += "note       " + printable(known->note) + "\n";
    if (!known->fix.empty()) text += "fix        " + printable(known->fix) + "\n";
  }
  return text;
}

json crash_json(const crash::KeptCrash& crash, const KnownSignatures& known) {
  json out = {{"id", crash.id},
              {"time", to_iso8601(crash.time)},
              {"directory", crash.directory},
              {"whole_core", sys::exists(crash.directory + "/core.zst")}};
  if (!crash.outcome) return out;
  const crash::Outcome& outcome = *crash.outcome;
  out.update({{"unit", outcome.unit},
              {"program", outcome.program},
              {"pid", outcome.pid},
              {"signal", sys::signal_name(outcome.signal)},
              {"threads", outcome.threads},
              {"kind", outcome.kind},
              {"summary", outcome.summary},
              {"function", outcome.function},
              {"signature", outcome.signature},
              {"count", times_seen(outcome, known)},
              {"note", outcome.note}});
  return out;
}

}  // namespace nines::cli
