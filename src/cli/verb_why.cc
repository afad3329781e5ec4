#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/event_view.h"
#include "cli/ledger_file.h"
#include "cli/verbs.h"
#include "cli/why_view.h"
#include "ledger/reader.h"
#ifdef NINES_WITH_UNIT_CHECK
#include "api/unit_facts.h"
#include "app/unit/loader.h"
#endif

namespace nines::cli {
namespace {

constexpr std::size_t kIdDigits = 32;

/// Ids begin with 32 hexadecimal digits; see ledger::new_id(). No unit is called so.
bool is_event_id(const std::string& text) {
  if (text.size() < kIdDigits) return false;
  const auto digit = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  return std::all_of(text.begin(), text.begin() + kIdDigits, digit) &&
         (text.size() == kIdDigits || text[kIdDigits] == '-');
}

/// The daemon, if one answers and no file was named.
std::optional<api::Client> daemon_if_any(const Context& context, const WhyOptions& options) {
  if (!options.ledger.empty()) return std::nullopt;
  auto client = api::Client::connect(api::api_socket_path(context.runtime_dir));
  return client ? std::optional<api::Client>(std::move(*client)) : std::nullopt;
}

std::string full_name(const std::string& unit) {
  const bool whole =
      unit.empty() || unit == ledger::kHostUnit || unit.find('.') != std::string::npos;
  return whole ? unit : unit + ".service";
}

#ifdef NINES_WITH_UNIT_CHECK
/// What the unit's file says, read here since there is no daemon to ask.
void ask_unit_files(ledger::WhyQuery* query) {
  unit::LoadContext load;
  load.user_mode = ::geteuid() != 0;
  load.search_path = unit::default_search_path(load.user_mode);
  query->target = [load](const std::string& name) -> std::optional<double> {
    const auto loaded = unit::load_unit(name, load);
    return loaded ? api::target_of(*loaded->unit) : std::nullopt;
  };
  query->facts = [load](const std::string& name) {
    const auto loaded = unit::load_unit(name, load);
    if (!loaded) return ledger::UnitFacts{};
    const std::string socket = name.substr(0, name.rfind('.')) + ".socket";
    return api::facts_of(*loaded->unit, unit::load_unit(socket, load).has_value());
  };
}
#else
void ask_unit_files(ledger::WhyQuery*) {}
#endif

Result<ledger::Reader> open_ledger(const std::string& file) {
  auto reader = ledger::Reader::open(file);
  if (!reader) return explain_ledger(reader.error(), file);
  return reader;
}

Result<ledger::WhyReport> report_from_file(const std::string& file, const api::GetWhy& get) {
  NINES_ASSIGN(ledger::Reader reader, open_ledger(file));
  ledger::WhyQuery query;
  query.unit = full_name(get.unit);
  query.to = utc_now();
  query.from =
      get.since.value_or(UtcTime{query.to.ns - Nanoseconds(api::kDefaultWhyWindow).count()});
  ask_unit_files(&query);
  return reader.why(query);
}

Result<ledger::WhyReport> fetch_report(const Context& context, const WhyOptions& options,
                                       const api::GetWhy& get) {
  if (auto client = daemon_if_any(context, options)) {
    NINES_ASSIGN(const std::string body, client->call(get));
    return api::decode_why(body);
  }
  return report_from_file(ledger_file(context, options.ledger), get);
}

Result<ledger::EventStory> fetch_story(const Context& context, const WhyOptions& options) {
  if (auto client = daemon_if_any(context, options)) {
    NINES_ASSIGN(const std::string body, client->call(api::GetStory{options.what}));
    return api::decode_story(body);
  }
  NINES_ASSIGN(ledger::Reader reader, open_ledger(ledger_file(context, options.ledger)));
  return reader.story(options.what);
}

}  // namespace

ExitCode run_why(const Context& context, const WhyOptions& options) {
  if (is_event_id(options.what)) {
    const auto story = fetch_story(context, options);
    if (!story) return report(context, story.error());
    context.out << (context.json ? api::encode(*story) + '\n'
                                 : story_page(*story, context.terminal));
    return ExitCode::kOk;
  }
  api::GetWhy get;
  get.unit = options.what;
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, utc_now());
    if (!since) {
      (void)report(context, since.error());
      return ExitCode::kUsage;
    }
    if (*since > utc_now()) {
      (void)report(context, Error(ErrorCode::kInvalidArgument, "why --since", options.since)
                                .with_detail("that is still to come")
                                .with_hint("1h, 30d, or a time that is over"));
      return ExitCode::kUsage;
    }
    get.since = *since;
  }
  const auto answer = fetch_report(context, options, get);
  if (!answer) {
    auto client = daemon_if_any(context, options);
    return report(context, client ? with_nearest_unit(*client, answer.error(), options.what)
                                  : answer.error());
  }
  if (context.json) {
    context.out << api::encode(*answer) << '\n';
  } else if (options.what == ledger::kHostUnit) {
    context.out << why_card(answer->host, answer->predictors, context.terminal);
  } else if (!options.what.empty() && answer->units.size() == 1) {
    context.out << why_card(answer->units.front(), answer->predictors, context.terminal);
  } else {
    context.out << why_page(*answer, context.terminal);
  }
  return ExitCode::kOk;
}

}  // namespace nines::cli
