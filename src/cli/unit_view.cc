#include "cli/unit_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/clock.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

using api::Health;
using api::UnitState;

/// Smaller is worse: what an operator has to see first.
int urgency(const api::UnitStatus& unit) {
  if (unit.state == UnitState::kFailed || unit.load == api::LoadState::kBad) return 0;
  if (unit.state == UnitState::kWaitingRestart) return 1;
  if (unit.health == Health::kFailing) return 2;
  if (unit.state == UnitState::kRunning) return 4;
  if (unit.state == UnitState::kStopped || unit.state == UnitState::kConditionFailed) return 5;
  return 3;  // on its way somewhere
}

std::string recovery_text(const api::UnitStatus& unit) {
  if (!unit.last_recovery_ms) return "";
  const double ns = std::min(*unit.last_recovery_ms * 1e6, 9e18);
  return to_human(Nanoseconds(static_cast<std::int64_t>(ns)));
}

Cell state_cell(const api::UnitStatus& unit) {
  if (unit.load == api::LoadState::kNotFound) return {"not-found", Tone::kBad};
  if (unit.load == api::LoadState::kBad) return {"bad-unit", Tone::kBad};
  return {std::string(to_string(unit.state)), tone_of(unit.state)};
}

Cell health_cell(const api::UnitStatus& unit) {
  switch (unit.health) {
    case Health::kOk: return {"ok", Tone::kGood};
    case Health::kFailing: return {"failing", Tone::kBad};
    case Health::kUnknown: break;
  }
  return {};
}

Cell availability_cell(const api::UnitStatus& unit) {
  if (!unit.availability_24h) return {};
  const bool missed =
      unit.availability_target && *unit.availability_24h < *unit.availability_target;
  return {percent(*unit.availability_24h), missed ? Tone::kBad : Tone::kPlain};
}

template <typename T>
std::string number(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string uptime_text(const api::UnitStatus& unit) {
  return unit.uptime && unit.state == UnitState::kRunning ? to_human(*unit.uptime) : "";
}

/// Collects "label  value" lines; empty values leave no line.
class Card {
 public:
  explicit Card(const Terminal& terminal) : terminal_(terminal) {}
  void line(std::string_view label, const std::string& value, Tone tone = Tone::kPlain) {
    if (value.empty()) return;
    text_ += fmt::format("  {} {}\n", terminal_.paint(fmt::format("{:<13}", label), Tone::kFaint),
                         terminal_.paint(printable(value), tone));
  }
  std::string take() { return std::move(text_); }

 private:
  const Terminal& terminal_;
  std::string text_;
};

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

void life_lines(Card& card, const api::UnitStatus& unit) {
  std::string state(to_string(unit.state));
  if (!unit.sub_state.empty() && unit.sub_state != state) state += " (" + unit.sub_state + ")";
  if (unit.since) state += " since " + to_iso8601(*unit.since);
  if (const std::string up = uptime_text(unit); !up.empty()) state += ", up " + up;
  card.line("state", state, tone_of(unit.state));
  if (unit.load != api::LoadState::kLoaded) {
    card.line("unit file", fmt::format("{}: {}", to_string(unit.load), unit.load_detail),
              Tone::kBad);
  }
  std::string pids = number(unit.main_pid);
  if (unit.standby_pid) pids += fmt::format(" (standby {})", *unit.standby_pid);
  card.line("main pid", pids);
  std::string health = health_cell(unit).text;
  if (!unit.health_detail.empty()) health += (health.empty() ? "" : ": ") + unit.health_detail;
  card.line("health", health, health_cell(unit).tone);
}

void record_lines(Card& card, const api::UnitStatus& unit) {
  std::string restarts = fmt::format("{}", unit.restarts);
  if (!unit.last_exit.empty()) restarts += ", last end: " + unit.last_exit;
  if (unit.last_recovery_ms) restarts += ", ready again after " + recovery_text(unit);
  card.line("restarts", restarts);
  if (unit.availability_24h) {
    std::string text = availability_cell(unit).text + " of the last 24 h";
    if (unit.availability_target)
      text += fmt::format(", target {}", percent(*unit.availability_target));
    card.line("availability", text, availability_cell(unit).tone);
  } else if (unit.availability_target) {
    card.line("availability", fmt::format("target {}", percent(*unit.availability_target)));
  }
  if (unit.downtime) {
    card.line("down",
              fmt::format("since {}, {}", to_iso8601(unit.downtime->since),
                          unit.downtime->planned ? "planned" : "unplanned"),
              unit.downtime->planned ? Tone::kWarning : Tone::kBad);
  }
}

void resource_lines(Card& card, const api::UnitStatus& unit) {
  std::vector<std::string> use;
  if (unit.memory) use.push_back(to_string(*unit.memory));
  if (unit.tasks) use.push_back(fmt::format("{} tasks", *unit.tasks));
  if (unit.cpu_usec) {
    const std::uint64_t usec = std::min<std::uint64_t>(*unit.cpu_usec, 9'000'000'000'000'000);
    use.push_back(to_human(std::chrono::microseconds(usec)) + " of processor time");
  }
  card.line("uses", join(use, ", "));
  card.line("listens on", join(unit.listeners, ", "));
  if (unit.fd_store > 0) card.line("fd store", fmt::format("{} descriptors", unit.fd_store));
}

}  // namespace

Tone tone_of(UnitState state) {
  switch (state) {
    case UnitState::kRunning: return Tone::kGood;
    case UnitState::kFailed:
    case UnitState::kWaitingRestart: return Tone::kBad;
    case UnitState::kStarting:
    case UnitState::kReloading:
    case UnitState::kStopping: return Tone::kWarning;
    case UnitState::kStopped:
    case UnitState::kConditionFailed: return Tone::kFaint;
  }
  return Tone::kPlain;
}

std::string percent(double fraction) {
  // Four decimals are 8.6 s of a day's 24 h in 100,000: enough for five nines.
  const double rounded = std::floor(fraction * 1e6 + 1e-6) / 1e4;
  std::string text = fmt::format("{:.4f}", rounded);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + " %";
}

Table unit_table(std::vector<api::UnitStatus> units) {
  std::stable_sort(units.begin(), units.end(), [](const auto& a, const auto& b) {
    return std::pair(urgency(a), std::string_view(a.name)) <
           std::pair(urgency(b), std::string_view(b.name));
  });
  Table table({{"UNIT"},
               {"STATE"},
               {"PID", true, 3},
               {"UP FOR", true, 2},
               {"RESTARTS", true, 4},
               {"LAST RECOVERY", true, 5},
               {"HEALTH", false, 1},
               {"MEMORY", true, 6},
               {"UP 24 H", true, 7}});
  for (const api::UnitStatus& unit : units) {
    table.add(
        {{printable(unit.name)},
         state_cell(unit),
         {number(unit.main_pid)},
         {uptime_text(unit)},
         {fmt::format("{}", unit.restarts), unit.restarts > 0 ? Tone::kWarning : Tone::kPlain},
         {recovery_text(unit)},
         health_cell(unit),
         {unit.memory ? to_string(*unit.memory) : ""},
         availability_cell(unit)});
  }
  return table;
}

std::string unit_card(const api::UnitStatus& unit, const Terminal& terminal) {
  Card card(terminal);
  life_lines(card, unit);
  record_lines(card, unit);
  resource_lines(card, unit);
  card.line("kept", unit.kept ? "yes: started again with the host"
                              : "no; to change that: nines keep " + unit.name);
  card.line("files", join(unit.files, ", "));
  std::string title = terminal.paint(printable(unit.name), Tone::kStrong);
  if (!unit.description.empty()) title += " - " + printable(unit.description);
  return title + '\n' + card.take();
}

std::string summary(const std::vector<api::UnitStatus>& units, const Terminal& terminal) {
  std::map<UnitState, int> counts;
  for (const api::UnitStatus& unit : units) ++counts[unit.state];
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts) {
    parts.push_back(terminal.paint(fmt::format("{} {}", count, to_string(state)), tone_of(state)));
  }
  return join(parts, ", ");
}

}  // namespace nines::cli
