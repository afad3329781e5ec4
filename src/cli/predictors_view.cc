#include "cli/predictors_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "cli/event_view.h"
#include "cli/table.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

using ledger::PredictorScore;

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.0f} %", std::floor(*share * 100)) : "-";
}

/// Longer names would push the numbers off the terminal.
constexpr std::size_t kNameWidth = 12;

void add_row(Table& table, const PredictorScore& score, const std::string& name) {
  table.add({{shorten(printable(name), kNameWidth)},
             {fmt::format("{}", score.warned)},
             {fmt::format("{}", score.came_true)},
             {fmt::format("{}", score.false_alarms)},
             {fmt::format("{}", score.acted_on)},
             {fmt::format("{}", score.pending)},
             {percent(score.precision())},
             {percent(score.recall())},
             {score.lead_median ? to_human(*score.lead_median) : "-"}});
}

}  // namespace

std::string predictors_block(const ledger::Scores& scores, std::size_t most,
                             const Terminal& terminal) {
  const PredictorScore& all = scores.all;
  if (scores.predictors.empty()) {
    if (all.failures == 0) return "";
    return fmt::format("\n{}  no warning before {} unplanned downtime{}\n",
                       terminal.paint("Predictors", Tone::kStrong), all.failures,
                       all.failures == 1 ? "" : "s");
  }
  std::vector<const PredictorScore*> best;
  best.reserve(scores.predictors.size());
  for (const PredictorScore& score : scores.predictors) best.push_back(&score);
  std::stable_sort(best.begin(), best.end(), [](const auto* a, const auto* b) {
    return std::tuple(a->warned, a->foretold) > std::tuple(b->warned, b->foretold);
  });
  Table table({{"PREDICTOR"},
               {"WARNED", true},
               {"TRUE", true},
               {"FALSE", true},
               {"ACTED ON", true, 2},
               {"PENDING", true, 3},
               {"PRECISION", true},
               {"RECALL", true},
               {"LEAD", true, 1}});
  for (std::size_t i = 0; i < std::min(best.size(), most); ++i) {
    add_row(table, *best[i], best[i]->predictor);
  }
  if (best.size() > 1) add_row(table, all, "all");
  return "\n" + table.render(terminal);
}

}  // namespace nines::cli
