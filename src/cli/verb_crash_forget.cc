#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api/version.h"
#include "app/crash/crash_directory.h"
#include "app/crash/kept_files.h"
#include "app/crash/places.h"
#include "cli/crash_places.h"
#include "cli/crash_verbs.h"
#include "cli/crash_view.h"
#include "cli/event_view.h"
#include "cli/text_width.h"
#include "sys/file.h"

namespace nines::cli {
namespace {

Error wrong(const std::string& detail) {
  return Error(ErrorCode::kInvalidArgument, "forget crashes").with_detail(detail);
}

/// The signature that is meant by its beginning.
/// @errors kNotFound. kInvalidArgument: several.
Result<std::string> find_signature(const crash::SignatureBook& book, const std::string& word) {
  // Also one whose file is damaged.
  if (crash::is_signature(word)) return word;
  NINES_ASSIGN(const auto all, book.all());
  std::vector<std::string> found;
  for (const crash::KnownSignature& known : all) {
    if (!word.empty() && known.id.starts_with(word)) found.push_back(known.id);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return Error(ErrorCode::kNotFound, "find signature", word)
        .with_hint("nines crash show prints the signature of a crash");
  }
  return Error(ErrorCode::kInvalidArgument, "find signature", word)
      .with_detail(fmt::format("{} signatures begin so", found.size()))
      .with_hint(fmt::format("one of {}", fmt::join(found, " ")));
}

Result<std::vector<crash::KeptCrash>> chosen(const CrashPlaces& places,
                                             const CrashForgetOptions& options,
                                             const std::string& signature) {
  std::vector<crash::KeptCrash> crashes;
  if (!options.ids.empty()) {
    std::set<std::string> seen;
    for (const std::string& id : options.ids) {
      NINES_ASSIGN(crash::KeptCrash crash, find_crash(places, id));
      if (seen.insert(crash.id).second) crashes.push_back(std::move(crash));
    }
    return crashes;
  }
  NINES_ASSIGN(crashes, crash::list_crashes(places.store));
  if (!options.before.empty()) {
    NINES_ASSIGN(const UtcTime before, parse_since(options.before, utc_now()));
    std::erase_if(crashes, [&](const crash::KeptCrash& one) { return one.time >= before; });
  }
  if (!signature.empty()) {
    std::erase_if(crashes, [&](const crash::KeptCrash& one) {
      return !one.outcome || one.outcome->signature != signature;
    });
  }
  return crashes;
}

ExitCode tell(const Context& context, const std::vector<crash::KeptCrash>& crashes,
              const std::string& signature, bool dry_run) {
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const crash::KeptCrash& one : crashes) list.push_back(one.id);
    context.out << nlohmann::json{{"api", api::kVersion},
                                  {"crashes", std::move(list)},
                                  {"signature", signature},
                                  {"forgotten", !dry_run}}
                       .dump()
                << '\n';
    return ExitCode::kOk;
  }
  for (const crash::KeptCrash& one : crashes) {
    const std::string what = one.outcome ? kind_in_words(*one.outcome) : "capture.json is damaged";
    context.out << fmt::format("{}  {}\n", one.id, printable(what));
  }
  const std::string also = signature.empty() ? "" : ", and the signature " + signature;
  context.out << fmt::format("{} {} crash{}{}\n", dry_run ? "would forget" : "forgot",
                             crashes.size(), crashes.size() == 1 ? "" : "es", also);
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_crash_forget(const Context& context, const CrashForgetOptions& options) {
  const int ways = static_cast<int>(!options.ids.empty()) +
                   static_cast<int>(!options.signature.empty()) +
                   static_cast<int>(!options.before.empty()) + static_cast<int>(options.all);
  if (ways != 1) {
    (void)report(context, wrong("which: ids, --signature, --before or --all, one of these"));
    return ExitCode::kUsage;
  }
  const CrashPlaces places = crash_places(context);
  std::string signature;
  if (!options.signature.empty()) {
    auto found = find_signature(places.book, options.signature);
    if (!found) return report(context, explain_crashes(found.error()));
    signature = std::move(*found);
  }
  const auto crashes = chosen(places, options, signature);
  if (!crashes) return report(context, explain_crashes(crashes.error()));
  if (options.dry_run) return tell(context, *crashes, signature, true);
  for (const crash::KeptCrash& one : *crashes) {
    crash::remove_crash(one.directory);
    if (sys::exists(one.directory)) {
      return report(context, Error(ErrorCode::kDenied, "remove", one.directory));
    }
  }
  crash::tidy_pool(crash::crash_files_path(places.state));
  if (!signature.empty()) {
    const Status gone = places.book.forget(signature);
    const bool was_there = gone || gone.error().code() != ErrorCode::kNotFound;
    if (!gone && (was_there || crashes->empty())) return report(context, gone.error());
  }
  return tell(context, *crashes, signature, false);
}

ExitCode run_crash_note(const Context& context, const CrashNoteOptions& options) {
  if (options.note.empty() && options.fix.empty()) {
    (void)report(context, Error(ErrorCode::kInvalidArgument, "note")
                              .with_detail("a text, or --fix with one, is missing"));
    return ExitCode::kUsage;
  }
  const CrashPlaces places = crash_places(context);
  const auto signature = find_signature(places.book, options.signature);
  if (!signature) return report(context, explain_crashes(signature.error()));
  Status done;
  if (!options.note.empty()) done = places.book.set_note(*signature, options.note.front());
  if (done && !options.fix.empty()) done = places.book.set_fix(*signature, options.fix.front());
  if (!done) return report(context, explain_crashes(done.error()));
  const auto known = places.book.find(*signature);
  if (!known) return report(context, explain_crashes(known.error()));
  if (context.json) {
    context.out << nlohmann::json{{"api", api::kVersion},
                                  {"known", nlohmann::json::parse(crash::encode(*known))}}
                       .dump()
                << '\n';
    return ExitCode::kOk;
  }
  context.out << fmt::format("signature  {}\nnote       {}\nfix        {}\n", known->id,
                             printable(known->note), printable(known->fix));
  return ExitCode::kOk;
}

}  // namespace nines::cli
