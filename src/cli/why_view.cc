#include "cli/why_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "cli/event_view.h"
#include "cli/predictors_view.h"
#include "cli/table.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

using ledger::CauseTally;
using ledger::UnitReport;

// What fits 24 lines with the prompt below it.
constexpr std::size_t kUnitRows = 6;
constexpr std::size_t kPageCauses = 4;
constexpr std::size_t kPagePredictors = 3;
constexpr std::size_t kCardCauses = 2;
constexpr std::size_t kCardCells = 3;
constexpr std::size_t kCardPredictors = 2;

std::string minute(UtcTime time) {
  return to_iso8601(time).substr(0, 16) + "Z";
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string length(Nanoseconds duration) {
  return duration.count() == 0 ? "none" : to_human(duration);
}

std::string line(const Terminal& terminal, std::string_view label, const std::string& value,
                 Tone tone = Tone::kPlain) {
  return fmt::format("  {} {}\n", terminal.paint(fmt::format("{:<13}", label), Tone::kFaint),
                     terminal.paint(value, tone));
}

std::string nines_of(const UnitReport& unit) {
  return unit.nines ? fmt::format("{:.1f}", std::floor(*unit.nines * 10) / 10) : "-";
}

Tone tone_of(const UnitReport& unit) {
  if (unit.down_since) return Tone::kBad;
  if (!unit.budget) return Tone::kPlain;
  return unit.budget->used > unit.budget->allowed ? Tone::kBad : Tone::kGood;
}

std::string budget_left(const UnitReport& unit) {
  if (!unit.budget) return "";
  const double allowed = static_cast<double>(unit.budget->allowed.count());
  if (allowed <= 0) return "-";
  const double left = 1.0 - static_cast<double>(unit.budget->used.count()) / allowed;
  return fmt::format("{:.0f} %", std::floor(left * 100));
}

std::string share(Nanoseconds part, Nanoseconds whole) {
  if (whole.count() == 0) return "";
  return fmt::format(" ({:.0f} %)", 100.0 * static_cast<double>(part.count()) /
                                        static_cast<double>(whole.count()));
}

Table units_table(const ledger::WhyReport& report) {
  Table table({{"UNIT"},
               {"UP", true},
               {"NINES", true},
               {"DOWN", true},
               {"FAILED", true},
               {"MTBF", true, 2},
               {"MTTR", true, 1},
               {"BUDGET LEFT", true}});
  const auto add = [&](const UnitReport& unit) {
    const Tone tone = tone_of(unit);
    table.add({{printable(unit.unit), unit.down_since ? Tone::kBad : Tone::kPlain},
               {fine_percent(unit.availability), tone},
               {nines_of(unit)},
               {unit.downtime.count() == 0 ? "-" : to_human(unit.downtime)},
               {fmt::format("{}", unit.failures)},
               {unit.mtbf ? to_human(*unit.mtbf) : ""},
               {unit.mttr ? to_human(*unit.mttr) : ""},
               {budget_left(unit), tone}});
  };
  for (std::size_t i = 0; i < std::min(report.units.size(), kUnitRows); ++i) add(report.units[i]);
  add(report.host);
  return table;
}

/// "3x  12.0 s  crashed: SIGSEGV  app/unplanned, predicted 1".
std::string cause_line(const CauseTally& tally, bool with_unit, const Terminal& terminal) {
  std::string text = fmt::format("{:>4}x {:>12}  {}", tally.times, to_human(tally.downtime),
                                 with_unit ? printable(tally.unit) + "  " : std::string());
  text += terminal.paint(printable(ledger::describe(tally.cause)),
                         tally.planned ? Tone::kWarning : Tone::kBad);
  text += terminal.paint(fmt::format("  {}", ledger::to_string(tally.cell)), Tone::kFaint);
  if (tally.predicted > 0) text += fmt::format(", {} foretold", tally.predicted);
  return text + '\n';
}

std::string avoid_line(const ledger::Advice& advice, const Terminal& terminal) {
  constexpr std::string_view kLabel = "        avoid  ";
  const std::string cell =
      advice.cell ? fmt::format("{}: ", ledger::to_string(*advice.cell)) : std::string();
  std::string text = printable(advice.text);
  const std::size_t before = kLabel.size() + cell.size();
  if (terminal.width > before) text = shorten(text, terminal.width - before);
  return fmt::format("{}{}{}\n", kLabel, terminal.paint(cell, Tone::kStrong), text);
}

/// The lines that set it up, indented. Not cut to the width: they are there to be copied.
std::string setup_lines(const ledger::Advice& advice, const Terminal& terminal) {
  std::string text;
  for (std::size_t begin = 0; begin < advice.setup.size();) {
    const std::size_t end = std::min(advice.setup.find('\n', begin), advice.setup.size());
    text += fmt::format(
        "          {}\n",
        terminal.paint(printable(advice.setup.substr(begin, end - begin)), Tone::kGood));
    begin = end + 1;
  }
  return text;
}

/// What the card has no room to explain, in one line.
std::string other_causes(const UnitReport& unit, std::size_t explained, const Terminal& terminal) {
  if (unit.causes.size() <= explained) return "";
  std::string text = "    also";
  for (std::size_t i = explained; i < unit.causes.size(); ++i) {
    const CauseTally& tally = unit.causes[i];
    text += fmt::format("{} {}x {}: {}", i == explained ? "" : ",", tally.times,
                        printable(ledger::describe(tally.cause)), to_human(tally.downtime));
  }
  if (terminal.width > 0) text = shorten(text, terminal.width);
  return terminal.paint(text, Tone::kFaint) + '\n';
}

std::string cell_lines(const UnitReport& unit, const Terminal& terminal) {
  std::vector<std::pair<Nanoseconds, ledger::Cell>> cells;
  for (std::size_t i = 0; i < ledger::kCells; ++i) {
    if (unit.by_cell[i].count() > 0) {
      cells.emplace_back(unit.by_cell[i], static_cast<ledger::Cell>(i));
    }
  }
  std::sort(cells.begin(), cells.end(), std::greater<>());
  std::string text;
  for (std::size_t i = 0; i < std::min(cells.size(), kCardCells); ++i) {
    text += line(terminal, ledger::to_string(cells[i].second),
                 to_human(cells[i].first) + share(cells[i].first, unit.downtime));
  }
  return text;
}

std::string budget_lines(const UnitReport& unit, const Terminal& terminal) {
  if (!unit.budget) {
    return line(terminal, "target", "none: AvailabilityTarget= in [X-Nines] sets one",
                Tone::kFaint);
  }
  const ledger::ErrorBudget& budget = *unit.budget;
  std::string text =
      line(terminal, "target",
           fmt::format("{}: {} used of {}, {} left", fine_percent(budget.target),
                       length(budget.used), to_human(budget.allowed), budget_left(unit)),
           tone_of(unit));
  std::string burn;
  bool alarming = false;
  for (std::size_t i = 0; i < budget.burn.size(); ++i) {
    burn +=
        fmt::format("{}{:.2f} over {} h", i == 0 ? "" : ",  ", budget.burn[i].rate,
                    std::chrono::duration_cast<std::chrono::hours>(budget.burn[i].window).count());
    alarming = alarming || (i < ledger::kBurnWindows.size() &&
                            budget.burn[i].rate >= ledger::kBurnWindows[i].alarm);
  }
  return text + line(terminal, "burn rate", burn, alarming ? Tone::kBad : Tone::kPlain);
}

std::string stored_line(const ledger::StoredEvent& stored, const Terminal& terminal) {
  return "  " + event_line(stored.event, terminal) + '\n';
}

}  // namespace

std::string fine_percent(double fraction) {
  if (fraction >= 1.0) return "100 %";
  // One digit more than there are nines, so that 99.9995 % is not shown as 100 %.
  const double down = std::max(1.0 - fraction, 1e-12);
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(down))), 2, 9);
  const double scale = std::pow(10.0, digits);
  std::string text =
      fmt::format("{:.{}f}", std::floor(fraction * 100 * scale + 1e-6) / scale, digits);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text + " %";
}

std::string why_page(const ledger::WhyReport& report, const Terminal& terminal) {
  const Nanoseconds window(report.to.ns - report.from.ns);
  std::string text = terminal.paint(
      fmt::format("Last {}, since {}", to_human(window), minute(report.from)), Tone::kStrong);
  if (report.units.empty()) return text + "\n  The ledger knows of no unit that ever served.\n";
  text +=
      fmt::format("\n  down {}: {} unplanned, {} foretold; {} planned\n\n", length(report.downtime),
                  length(report.unplanned), length(report.predictable), length(report.planned));
  text += units_table(report).render(terminal);
  if (report.units.size() > kUnitRows) {
    text += fmt::format("  and {} more: nines why --json\n", report.units.size() - kUnitRows);
  }
  const std::string predictors = predictors_block(report.predictors, kPagePredictors, terminal);
  if (report.causes.empty()) return text + predictors + "\nNothing was down.\n";
  // They take the room of the causes that cost least; each has two lines.
  const std::size_t causes =
      kPageCauses - std::min((lines_of(predictors) + 1) / 2, kPageCauses - 1);
  text += predictors + terminal.paint("\nWhat cost most\n", Tone::kStrong);
  for (std::size_t i = 0; i < std::min(report.causes.size(), causes); ++i) {
    text += cause_line(report.causes[i], true, terminal);
    text += avoid_line(report.causes[i].avoid, terminal);
  }
  return text + terminal.paint("How to set that up: nines why UNIT\n", Tone::kFaint);
}

std::string why_card(const UnitReport& unit, const ledger::Scores& scores,
                     const Terminal& terminal) {
  std::string text = fmt::format(
      "{}  {} to {}{}\n", terminal.paint(printable(unit.unit), Tone::kStrong), minute(unit.from),
      minute(unit.to), unit.shortened ? ", all that is known of it" : "");
  if (unit.down_since) {
    text += line(terminal, "DOWN",
                 fmt::format("since {}, for {}", to_iso8601(*unit.down_since),
                             to_human(Nanoseconds(unit.to.ns - unit.down_since->ns))),
                 Tone::kBad);
  }
  std::string up = fine_percent(unit.availability);
  if (unit.nines) up += fmt::format(", {} nines", nines_of(unit));
  if (unit.outages > 0) {
    up += fmt::format("; down {} in {} times", length(unit.downtime), unit.outages);
  }
  text += line(terminal, "up", up, tone_of(unit));
  text += line(terminal, "down",
               unit.outages == 0
                   ? "never"
                   : fmt::format("{} unplanned, {} foretold, {} planned", length(unit.unplanned),
                                 length(unit.predictable), length(unit.planned)));
  if (unit.mtbf && unit.mttr) {
    text += line(terminal, "failures",
                 fmt::format("{}, one in {} (MTBF), each for {} (MTTR)", unit.failures,
                             to_human(*unit.mtbf), to_human(*unit.mttr)));
  }
  if (unit.unit != ledger::kHostUnit) text += budget_lines(unit, terminal);
  const std::string predictors = predictors_block(scores, kCardPredictors, terminal);
  text += cell_lines(unit, terminal) + predictors;
  if (unit.causes.empty()) return text;
  text += terminal.paint("\nWhat cost most\n", Tone::kStrong);
  std::set<std::string> said;
  // A table of predictors takes the room of the second.
  const std::size_t explained = lines_of(predictors) > 2 ? 1 : kCardCauses;
  for (std::size_t i = 0; i < std::min(unit.causes.size(), explained); ++i) {
    const CauseTally& tally = unit.causes[i];
    text += cause_line(tally, false, terminal);
    // Two causes are often avoided by the same thing.
    if (said.insert(tally.avoid.text).second) {
      text += avoid_line(tally.avoid, terminal) + setup_lines(tally.avoid, terminal);
    }
    if (!tally.last_event.empty()) {
      text += terminal.paint(fmt::format("    last {}: nines why {}\n", minute(tally.last),
                                         printable(tally.last_event)),
                             Tone::kFaint);
    }
  }
  return text + other_causes(unit, explained, terminal);
}

std::string story_page(const ledger::EventStory& story, const Terminal& terminal) {
  const auto heading = [&](std::string_view text) {
    return terminal.paint(fmt::format("\n{}\n", text), Tone::kStrong);
  };
  std::string text = event_line(story.event.event, terminal) + '\n';
  if (!story.causes.empty()) {
    text += heading("Because of");
    for (const auto& cause : story.causes) text += stored_line(cause, terminal);
  }
  if (story.predicted_by)
    text += heading("Foretold by") + stored_line(*story.predicted_by, terminal);
  if (!story.before.empty()) {
    text += heading("Shortly before");
    for (const auto& event : story.before) text += stored_line(event, terminal);
  }
  if (!story.effects.empty()) {
    text += heading("Led to");
    for (const auto& effect : story.effects) text += stored_line(effect, terminal);
  }
  if (story.downtimes.empty()) return text + "\nIt belongs to no downtime.\n";
  text += heading("Downtime");
  for (const auto& stored : story.downtimes) {
    const ledger::DowntimeInterval& down = stored.interval;
    text += fmt::format("  {}  {}  {}  {}{}\n", to_iso8601(down.start), printable(down.unit),
                        down.closed ? to_human(down.duration) : std::string("still down"),
                        ledger::to_string(down.cell),
                        stored.note.empty() ? "" : "  (" + printable(stored.note) + ")");
  }
  text += fmt::format("  cause  {}\n", printable(ledger::describe(story.cause)));
  return text + avoid_line(story.avoid, terminal) + setup_lines(story.avoid, terminal);
}

}  // namespace nines::cli
