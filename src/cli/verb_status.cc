#include "api/codec.h"
#include "cli/event_view.h"
#include "cli/text_width.h"
#include "cli/unit_view.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

constexpr std::size_t kCardEvents = 8;
constexpr std::size_t kCardLines = 10;

bool is_well(const api::UnitStatus& unit) {
  return unit.state == api::UnitState::kRunning && unit.health != api::Health::kFailing;
}

Result<std::vector<api::UnitStatus>> all_units(api::Client& client) {
  NINES_ASSIGN(const std::string body, client.call(api::ListUnits{}));
  return api::decode_units(body);
}

Result<api::UnitStatus> one_unit(api::Client& client, const std::string& name) {
  const auto body = client.call(api::GetUnit{name});
  if (!body) return with_nearest_unit(client, body.error(), name);
  return api::decode_unit(*body);
}

/// Below the card: what happened to it, and what it said. Each is optional: a ledger that cannot
/// be read must not hide the state of the unit.
void print_recent(const Context& context, api::Client& client, const std::string& name) {
  api::GetEvents get_events;
  get_events.filter.unit = name;
  get_events.filter.limit = kCardEvents;
  if (const auto body = client.call(get_events)) {
    if (const auto events = api::decode_events(*body); events && !events->empty()) {
      context.out << "\nLast events\n";
      for (const auto& event : *events) {
        context.out << "  " << event_line(event, context.terminal) << '\n';
      }
    }
  }
  if (const auto body = client.call(api::GetLogs{name, kCardLines, false})) {
    if (const auto lines = api::decode_log_lines(*body); lines && !lines->empty()) {
      context.out << "\nLog\n";
      for (const auto& line : *lines) {
        context.out << "  " << log_line(line, false, context.terminal) << '\n';
      }
    }
  }
}

void print_units(const Context& context, const std::vector<api::UnitStatus>& units,
                 const StatusOptions& options) {
  if (options.names) {
    for (const auto& unit : units) context.out << printable(unit.name) << '\n';
  } else if (context.json) {
    context.out << api::encode(units) << '\n';
  } else if (units.empty()) {
    context.out << "The daemon knows no units yet. To keep one up: nines keep UNIT\n";
  } else {
    context.out << unit_table(units).render(context.terminal);
  }
}

/// One unit is shown whole.
ExitCode show_one(const Context& context, api::Client& client, const StatusOptions& options) {
  const auto unit = one_unit(client, options.units.front());
  if (!unit) return report(context, unit.error());
  if (options.names) {
    context.out << printable(unit->name) << '\n';
  } else if (context.json) {
    context.out << api::encode(*unit) << '\n';
  } else {
    context.out << unit_card(*unit, context.terminal);
    print_recent(context, client, unit->name);
  }
  return options.check && !is_well(*unit) ? ExitCode::kFailed : ExitCode::kOk;
}

ExitCode show_several(const Context& context, api::Client& client, const StatusOptions& options) {
  std::vector<api::UnitStatus> units;
  ExitCode worst = ExitCode::kOk;
  for (const std::string& name : options.units) {
    auto unit = one_unit(client, name);
    if (unit) {
      units.push_back(std::move(*unit));
    } else {
      worst = report(context, unit.error());
    }
  }
  print_units(context, units, options);
  if (worst != ExitCode::kOk) return units.empty() ? worst : ExitCode::kPartly;
  const bool well = std::all_of(units.begin(), units.end(), is_well);
  return options.check && !well ? ExitCode::kFailed : ExitCode::kOk;
}

}  // namespace

ExitCode run_status(const Context& context, const StatusOptions& options) {
  auto client = reach_daemon(context);
  if (!client) return client.error();
  if (options.units.size() == 1) return show_one(context, *client, options);
  if (!options.units.empty()) return show_several(context, *client, options);
  const auto units = all_units(*client);
  if (!units) return report(context, units.error());
  print_units(context, *units, options);
  const bool well = std::all_of(units->begin(), units->end(), is_well);
  return options.check && !well ? ExitCode::kFailed : ExitCode::kOk;
}

}  // namespace nines::cli
