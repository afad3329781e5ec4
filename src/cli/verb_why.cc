#include <algorithm>
#include <cctype>

#include "api/codec.h"
#include "cli/event_view.h"
#include "cli/ledger_file.h"
#include "cli/verbs.h"
#include "cli/why_source.h"
#include "cli/why_view.h"

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

Result<ledger::EventStory> fetch_story(const Context& context, const WhyOptions& options) {
  if (auto client = daemon_if_any(context, options.ledger)) {
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
  const auto answer = fetch_report(context, options.ledger, get);
  if (!answer) {
    auto client = daemon_if_any(context, options.ledger);
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
