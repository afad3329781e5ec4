#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/version.h"
#include "app/crash/hook.h"
#include "cli/crash_places.h"
#include "cli/crash_verbs.h"
#include "cli/crash_view.h"
#include "cli/event_view.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

/// Whether the kernel tells us of crashes.
bool is_set_up(const CrashPlaces& places) {
  const auto record = crash::read_hook_record(places.state);
  const auto now = crash::read_pattern();
  return record && now && record->installed == *now;
}

bool is_of(const crash::KeptCrash& crash, const std::string& unit) {
  if (!crash.outcome) return false;
  const crash::Outcome& outcome = *crash.outcome;
  return outcome.unit == unit || outcome.unit == unit + ".service" ||
         (outcome.unit.empty() && outcome.program == unit);
}

std::string set_up_text(const CrashPlaces& places) {
  if (is_set_up(places)) return "Crashes are kept from now on: core_pattern leads to ninesd.\n";
  return "Crashes are not kept: nines crash setup changes that.\n";
}

}  // namespace

ExitCode run_crash_list(const Context& context, const CrashListOptions& options) {
  const CrashPlaces places = crash_places(context);
  auto crashes = crash::list_crashes(places.store);
  if (!crashes) return report(context, explain_crashes(crashes.error()));
  const std::size_t all = crashes->size();
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, utc_now());
    if (!since) return report(context, since.error());
    std::erase_if(*crashes, [&](const crash::KeptCrash& one) { return one.time < *since; });
  }
  if (!options.unit.empty()) {
    std::erase_if(*crashes, [&](const crash::KeptCrash& one) { return !is_of(one, options.unit); });
  }
  KnownSignatures known;
  std::size_t unreadable = 0;
  if (auto book = places.book.all(&unreadable)) {
    for (crash::KnownSignature& one : *book) known[one.id] = std::move(one);
  }
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const crash::KeptCrash& one : *crashes) list.push_back(crash_json(one, known));
    context.out << nlohmann::json{{"api", api::kVersion},
                                  {"directory", places.store},
                                  {"set_up", is_set_up(places)},
                                  {"crashes", std::move(list)}}
                       .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                << '\n';
    return ExitCode::kOk;
  }
  if (!crashes->empty()) {
    context.out << crash_table(*crashes, known, context.terminal);
  } else if (all > 0) {
    context.out << fmt::format("None of the {} crashes that are kept.\n", all);
  } else {
    context.out << fmt::format("No crash is kept in {}.\n", printable(places.store))
                << set_up_text(places);
  }
  if (unreadable > 0) {
    context.err << fmt::format("nines: {} signatures cannot be read: {}\n", unreadable,
                               printable(places.book.directory()));
  }
  return ExitCode::kOk;
}

}  // namespace nines::cli
