#include "ledger/why.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

namespace nines::ledger {
namespace {

std::optional<double> seconds_of(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seconds;
}

void advise_all(const WhyQuery& query, UnitReport& report) {
  const UnitFacts facts = query.facts ? query.facts(report.unit) : UnitFacts{};
  for (CauseTally& tally : report.causes) {
    tally.avoid = advise(tally.cause, tally.cell, report.unit, facts);
  }
}

}  // namespace

Prediction prediction_of(const Event& event) {
  Prediction prediction{event.time, kDefaultHorizon, event.subject.empty(), event.id};
  if (event.kind.starts_with(kPredictionPrefix)) {
    prediction.predictor = event.kind.substr(kPredictionPrefix.size());
  }
  const auto detail = nlohmann::json::parse(event.detail_json, nullptr, false);
  if (!detail.is_object()) return prediction;
  const auto found = detail.find("horizon_s");
  if (found == detail.end()) return prediction;
  const auto seconds = seconds_of(*found);
  if (!seconds || !std::isfinite(*seconds) || *seconds < 0) return prediction;
  const double most = std::chrono::duration<double>(kMaxHorizon).count();
  prediction.horizon = Nanoseconds(std::llround(std::min(*seconds, most) * 1e9));
  return prediction;
}

WhyReport summarise(const WhyQuery& query, UnitReport host, std::vector<UnitReport> units) {
  WhyReport report;
  report.from = query.from;
  report.to = query.to;
  advise_all(query, host);
  report.host = std::move(host);
  for (UnitReport& unit : units) {
    advise_all(query, unit);
    report.downtime += unit.downtime;
    report.planned += unit.planned;
    report.unplanned += unit.unplanned;
    report.predictable += unit.predictable;
    for (std::size_t cell = 0; cell < kCells; ++cell) report.by_cell[cell] += unit.by_cell[cell];
    report.causes.insert(report.causes.end(), unit.causes.begin(), unit.causes.end());
  }
  std::stable_sort(report.causes.begin(), report.causes.end(),
                   [](const CauseTally& a, const CauseTally& b) {
                     return std::tuple(a.downtime, a.times) > std::tuple(b.downtime, b.times);
                   });
  std::stable_sort(units.begin(), units.end(), [](const UnitReport& a, const UnitReport& b) {
    return std::tuple(a.down_since.has_value(), 1.0 - a.availability) >
           std::tuple(b.down_since.has_value(), 1.0 - b.availability);
  });
  report.units = std::move(units);
  return report;
}

}  // namespace nines::ledger
