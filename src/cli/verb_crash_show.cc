#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/version.h"
#include "app/crash/diagnosis_json.h"
#include "app/crash/kept_files.h"
#include "app/crash/log_tail.h"
#include "app/crash/open_core.h"
#include "app/crash/report.h"
#include "cli/crash_places.h"
#include "cli/crash_verbs.h"
#include "cli/crash_view.h"
#include "cli/text_width.h"
#include "sys/file.h"

namespace nines::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMostLogLines = 1000;

struct Shown {
  std::optional<crash::KeptCrash> crash;  ///< none: a core that somebody has
  crash::Diagnosis diagnosis;
  std::optional<crash::KnownSignature> known;
};

Result<Shown> look_up(const CrashPlaces& places, const CrashShowOptions& options) {
  Shown shown;
  if (!options.core.empty()) {
    NINES_ASSIGN(const UniqueFd core, crash::open_core(options.core));
    NINES_ASSIGN(shown.diagnosis, diagnose_now(core.get(), {}));
  } else {
    NINES_ASSIGN(shown.crash, find_crash(places, options.id));
    auto diagnosis = crash::read_diagnosis(*shown.crash);
    if (!diagnosis) {
      // Whatever went wrong when it was kept, the core is there.
      NINES_ASSIGN(const UniqueFd core, open_core_of(*shown.crash));
      diagnosis = diagnose_now(core.get(), kept_file_paths(*shown.crash));
    }
    if (!diagnosis) return std::move(diagnosis.error());
    shown.diagnosis = std::move(*diagnosis);
  }
  if (auto known = places.book.find(shown.diagnosis.signature.id)) shown.known = std::move(*known);
  return shown;
}

json shown_json(const Shown& shown, const CrashShowOptions& options) {
  json out = {{"api", api::kVersion},
              {"diagnosis", json::parse(crash::diagnosis_json(shown.diagnosis))},
              {"known", nullptr}};
  KnownSignatures known;
  if (shown.known) {
    out["known"] = json::parse(crash::encode(*shown.known));
    known[shown.known->id] = *shown.known;
  }
  if (shown.crash) {
    out["crash"] = crash_json(*shown.crash, known);
    out["log"] = crash::kept_log_lines(shown.crash->directory, kMostLogLines);
  } else {
    out["core"] = options.core;
  }
  return out;
}

std::string core_line(const crash::KeptCrash& crash) {
  const std::string path = crash.outcome ? crash.outcome->core_path : std::string();
  if (path.empty() && crash.outcome && crash.outcome->core == crash::kCoreNone) {
    return "core: none; " + printable(crash.outcome->core_reason) + "\n";
  }
  std::string what = "registers and stacks, no heap";
  if (!path.empty()) {
    what = printable(path);
  } else if (sys::exists(crash.directory + "/core.zst")) {
    what = "whole";
  }
  return fmt::format("core: {}; to look into it: nines crash gdb {}\n", what, crash.id);
}

/// What it printed last.
std::string last_words(const crash::KeptCrash& crash, bool full) {
  constexpr std::size_t kFew = 3;
  std::string text;
  for (const std::string& line :
       crash::kept_log_lines(crash.directory, full ? kMostLogLines : kFew)) {
    text += "  " + printable(full ? line : shorten(line, 160)) + "\n";
  }
  return text.empty() ? text : "last in its log:\n" + text;
}

/// What is beside the report: what else is kept, and how to go on.
std::string foot(const crash::KeptCrash& crash, bool full) {
  std::string text = last_words(crash, full);
  if (const auto files = crash::read_kept_files(crash.directory); files && !files->empty()) {
    text += "kept, since no longer at its path:\n";
    for (const crash::KeptFile& file : *files) {
      text += "  " + printable(file.path);
      text += file.skipped.empty() ? "\n" : " (not kept: " + printable(file.skipped) + ")\n";
    }
  }
  if (crash.outcome && !crash.outcome->note.empty()) {
    text += "note: " + printable(crash.outcome->note) + "\n";
  }
  return text + core_line(crash);
}

}  // namespace

ExitCode run_crash_show(const Context& context, const CrashShowOptions& options) {
  const CrashPlaces places = crash_places(context);
  const auto shown = look_up(places, options);
  if (!shown) return report(context, shown.error());
  if (context.json) {
    context.out << shown_json(*shown, options).dump(-1, ' ', false, json::error_handler_t::replace)
                << '\n';
    return ExitCode::kOk;
  }
  const crash::KeptCrash* crash = shown->crash ? &*shown->crash : nullptr;
  context.out << crash_heading(shown->diagnosis, crash, shown->known, context.terminal)
              << crash::report_text(shown->diagnosis, options.full ? crash::ReportLength::kFull
                                                                   : crash::ReportLength::kShort);
  if (crash != nullptr) context.out << '\n' << foot(*crash, options.full);
  return ExitCode::kOk;
}

}  // namespace nines::cli
