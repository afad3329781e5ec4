// The answers of /v1/why. Durations are nanoseconds ("_ns"), shares are 0..1.
#include <array>

#include "api/codec_common.h"

namespace nines::api {
namespace {

using ledger::Cell;
using ledger::kCells;

void put_duration(Json& json, const std::string& key, Nanoseconds value) {
  json[key + "_ns"] = value.count();
}
void put_duration(Json& json, const std::string& key, const std::optional<Nanoseconds>& value) {
  if (value) put_duration(json, key, *value);
}
void put_time_if(Json& json, const std::string& key, const std::optional<UtcTime>& value) {
  if (value) put_time(json, key, *value);
}

Json cells_to_json(const std::array<Nanoseconds, kCells>& by_cell) {
  Json cells = Json::object();
  for (std::size_t i = 0; i < kCells; ++i) {
    if (by_cell[i].count() == 0) continue;
    cells[std::string(ledger::to_string(static_cast<Cell>(i)))] = by_cell[i].count();
  }
  return cells;
}

Result<std::array<Nanoseconds, kCells>> cells_from_json(const Json* json) {
  std::array<Nanoseconds, kCells> by_cell{};
  if (json == nullptr || !json->is_object()) {
    return Error(ErrorCode::kCorrupt, "decode", "by_cell_ns").with_detail("is not an object");
  }
  for (const auto& [name, value] : json->items()) {
    const auto cell = enum_from<Cell, kCells>(name);
    if (!cell || !value.is_number_integer()) {
      return Error(ErrorCode::kCorrupt, "decode", "by_cell_ns").with_detail(name);
    }
    by_cell[static_cast<std::size_t>(*cell)] = Nanoseconds(value.get<std::int64_t>());
  }
  return by_cell;
}

Json to_json(const ledger::Advice& advice) {
  Json json = {{"text", advice.text}, {"setup", advice.setup}};
  if (advice.cell) json["cell"] = ledger::to_string(*advice.cell);
  return json;
}

Result<ledger::Advice> advice_from(const Json* json) {
  ledger::Advice advice;
  if (json == nullptr) return advice;
  JsonReader reader(*json, "advice", ErrorCode::kCorrupt);
  reader.need("text", advice.text);
  reader.maybe("setup", advice.setup);
  std::string cell;
  reader.maybe("cell", cell);
  advice.cell = enum_from<Cell, kCells>(cell);
  NINES_TRY(reader.finish());
  return advice;
}

Json to_json(const ledger::CauseTally& tally) {
  Json json = {{"unit", tally.unit},
               {"cause", ledger::to_string(tally.cause)},
               {"meaning", ledger::describe(tally.cause)},
               {"cell", ledger::to_string(tally.cell)},
               {"planned", tally.planned},
               {"times", tally.times},
               {"predicted", tally.predicted},
               {"last_event", tally.last_event},
               {"avoid", to_json(tally.avoid)}};
  put_duration(json, "downtime", tally.downtime);
  put_duration(json, "longest", tally.longest);
  put_time(json, "last", tally.last);
  return json;
}

Result<ledger::CauseTally> tally_from(const Json& json) {
  ledger::CauseTally tally;
  std::string cause;
  JsonReader reader(json, "cause", ErrorCode::kCorrupt);
  reader.need("unit", tally.unit);
  reader.need("cause", cause);
  reader.word("cell", tally.cell, &enum_from<Cell, kCells>);
  reader.need("planned", tally.planned);
  reader.need("times", tally.times);
  reader.need("predicted", tally.predicted);
  reader.maybe("last_event", tally.last_event);
  reader.need("downtime_ns", tally.downtime);
  reader.need("longest_ns", tally.longest);
  reader.need("last_ns", tally.last);
  NINES_ASSIGN(tally.avoid, advice_from(reader.find("avoid")));
  NINES_TRY(reader.finish());
  tally.cause = ledger::cause_from(cause);
  return tally;
}

Json to_json(const ledger::BurnRate& burn) {
  return {{"window_ns", burn.window.count()}, {"rate", burn.rate}};
}

Result<ledger::BurnRate> burn_from(const Json& json) {
  ledger::BurnRate burn;
  JsonReader reader(json, "burn rate", ErrorCode::kCorrupt);
  reader.need("window_ns", burn.window);
  reader.need("rate", burn.rate);
  NINES_TRY(reader.finish());
  return burn;
}

Json to_json(const ledger::ErrorBudget& budget) {
  Json json = {{"target", budget.target},
               {"burn", list_of<ledger::BurnRate>(budget.burn, &to_json)}};
  put_duration(json, "allowed", budget.allowed);
  put_duration(json, "used", budget.used);
  return json;
}

Result<ledger::ErrorBudget> budget_from(const Json& json) {
  ledger::ErrorBudget budget;
  JsonReader reader(json, "budget", ErrorCode::kCorrupt);
  reader.need("target", budget.target);
  reader.need("allowed_ns", budget.allowed);
  reader.need("used_ns", budget.used);
  NINES_ASSIGN(budget.burn, list_from(reader.find("burn"), "burn", &burn_from));
  NINES_TRY(reader.finish());
  return budget;
}

Json to_json(const ledger::UnitReport& unit) {
  Json json = {{"unit", unit.unit},
               {"shortened", unit.shortened},
               {"availability", unit.availability},
               {"outages", unit.outages},
               {"failures", unit.failures},
               {"by_cell_ns", cells_to_json(unit.by_cell)},
               {"causes", list_of<ledger::CauseTally>(unit.causes, &to_json)}};
  put_time(json, "from", unit.from);
  put_time(json, "to", unit.to);
  put_known(json, "nines", unit.nines);
  put_duration(json, "downtime", unit.downtime);
  put_duration(json, "planned", unit.planned);
  put_duration(json, "unplanned", unit.unplanned);
  put_duration(json, "predictable", unit.predictable);
  put_duration(json, "mtbf", unit.mtbf);
  put_duration(json, "mttr", unit.mttr);
  put_time_if(json, "down_since", unit.down_since);
  if (unit.budget) json["budget"] = to_json(*unit.budget);
  return json;
}

Result<ledger::UnitReport> unit_from(const Json& json) {
  ledger::UnitReport unit;
  JsonReader reader(json, "report", ErrorCode::kCorrupt);
  reader.need("unit", unit.unit);
  reader.need("shortened", unit.shortened);
  reader.need("availability", unit.availability);
  reader.need("outages", unit.outages);
  reader.need("failures", unit.failures);
  reader.need("from_ns", unit.from);
  reader.need("to_ns", unit.to);
  reader.maybe("nines", unit.nines);
  reader.need("downtime_ns", unit.downtime);
  reader.need("planned_ns", unit.planned);
  reader.need("unplanned_ns", unit.unplanned);
  reader.need("predictable_ns", unit.predictable);
  reader.maybe("mtbf_ns", unit.mtbf);
  reader.maybe("mttr_ns", unit.mttr);
  reader.maybe("down_since_ns", unit.down_since);
  NINES_ASSIGN(unit.by_cell, cells_from_json(reader.find("by_cell_ns")));
  NINES_ASSIGN(unit.causes, list_from(reader.find("causes"), "causes", &tally_from));
  if (const Json* budget = reader.find("budget")) {
    NINES_ASSIGN(unit.budget, budget_from(*budget));
  }
  NINES_TRY(reader.finish());
  return unit;
}

Json to_json(const ledger::PredictorScore& score) {
  Json json = {{"predictor", score.predictor}, {"warned", score.warned},
               {"true", score.came_true},      {"false", score.false_alarms},
               {"acted_on", score.acted_on},   {"pending", score.pending},
               {"failures", score.failures},   {"foretold", score.foretold}};
  put_known(json, "precision", score.precision());
  put_known(json, "recall", score.recall());
  put_duration(json, "lead_median", score.lead_median);
  put_duration(json, "lead_least", score.lead_least);
  return json;
}

Result<ledger::PredictorScore> score_from(const Json& json) {
  ledger::PredictorScore score;
  JsonReader reader(json, "predictor", ErrorCode::kCorrupt);
  reader.need("predictor", score.predictor);
  reader.need("warned", score.warned);
  reader.need("true", score.came_true);
  reader.need("false", score.false_alarms);
  reader.need("acted_on", score.acted_on);
  reader.need("pending", score.pending);
  reader.need("failures", score.failures);
  reader.need("foretold", score.foretold);
  reader.maybe("lead_median_ns", score.lead_median);
  reader.maybe("lead_least_ns", score.lead_least);
  NINES_TRY(reader.finish());
  return score;
}

Json to_json(const ledger::StoredEvent& stored) {
  Json json = event_to_json(stored.event);
  json["seq"] = stored.seq;
  json["boot_id"] = stored.boot_id;
  json["host"] = stored.host;
  return json;
}

Result<ledger::StoredEvent> stored_event_from(const Json& json) {
  ledger::StoredEvent stored;
  NINES_ASSIGN(stored.event, event_from_json(json));
  JsonReader reader(json, "event", ErrorCode::kCorrupt);
  reader.need("seq", stored.seq);
  reader.need("boot_id", stored.boot_id);
  reader.need("host", stored.host);
  NINES_TRY(reader.finish());
  return stored;
}

Json to_json(const ledger::StoredInterval& stored) {
  const ledger::DowntimeInterval& down = stored.interval;
  Json json = {{"id", down.id},
               {"unit", down.unit},
               {"closed", down.closed},
               {"planned", down.planned},
               {"cell", ledger::to_string(down.cell)},
               {"cause_event", down.cause_event},
               {"note", stored.note},
               {"boot_id", stored.boot_id}};
  put_time(json, "start", down.start);
  if (down.closed) put_time(json, "end", down.end);
  if (down.closed) put_duration(json, "duration", down.duration);
  return json;
}

Result<ledger::StoredInterval> stored_interval_from(const Json& json) {
  ledger::StoredInterval stored;
  ledger::DowntimeInterval& down = stored.interval;
  JsonReader reader(json, "interval", ErrorCode::kCorrupt);
  reader.need("id", down.id);
  reader.need("unit", down.unit);
  reader.need("closed", down.closed);
  reader.need("planned", down.planned);
  reader.word("cell", down.cell, &enum_from<Cell, kCells>);
  reader.maybe("cause_event", down.cause_event);
  reader.maybe("note", stored.note);
  reader.maybe("boot_id", stored.boot_id);
  reader.need("start_ns", down.start);
  reader.maybe("end_ns", down.end);
  reader.maybe("duration_ns", down.duration);
  NINES_TRY(reader.finish());
  return stored;
}

Result<ledger::WhyReport> report_from(const Json& json) {
  ledger::WhyReport report;
  JsonReader reader(json, "report", ErrorCode::kCorrupt);
  reader.need("from_ns", report.from);
  reader.need("to_ns", report.to);
  reader.need("downtime_ns", report.downtime);
  reader.need("planned_ns", report.planned);
  reader.need("unplanned_ns", report.unplanned);
  reader.need("predictable_ns", report.predictable);
  NINES_ASSIGN(report.by_cell, cells_from_json(reader.find("by_cell_ns")));
  NINES_ASSIGN(report.causes, list_from(reader.find("causes"), "causes", &tally_from));
  NINES_ASSIGN(report.units, list_from(reader.find("units"), "units", &unit_from));
  // Absent in the answer of an earlier daemon, which goes on until it is told to execute anew.
  if (const Json* all = reader.find("all_predictors")) {
    NINES_ASSIGN(report.predictors.all, score_from(*all));
    NINES_ASSIGN(report.predictors.predictors,
                 list_from(reader.find("predictors"), "predictors", &score_from));
  }
  if (const Json* host = reader.find("host")) {
    NINES_ASSIGN(report.host, unit_from(*host));
  }
  NINES_TRY(reader.finish());
  return report;
}

Result<ledger::EventStory> story_from(const Json& json) {
  ledger::EventStory story;
  JsonReader reader(json, "story", ErrorCode::kCorrupt);
  std::string cause;
  reader.need("cause", cause);
  NINES_TRY(reader.finish());
  story.cause = ledger::cause_from(cause);
  const Json* event = reader.find("event");
  if (event == nullptr)
    return Error(ErrorCode::kCorrupt, "decode", "story").with_detail("no event");
  NINES_ASSIGN(story.event, stored_event_from(*event));
  NINES_ASSIGN(story.causes, list_from(reader.find("causes"), "causes", &stored_event_from));
  NINES_ASSIGN(story.effects, list_from(reader.find("effects"), "effects", &stored_event_from));
  NINES_ASSIGN(story.before, list_from(reader.find("before"), "before", &stored_event_from));
  NINES_ASSIGN(story.downtimes,
               list_from(reader.find("downtimes"), "downtimes", &stored_interval_from));
  if (const Json* told = reader.find("predicted_by")) {
    NINES_ASSIGN(story.predicted_by, stored_event_from(*told));
  }
  NINES_ASSIGN(story.avoid, advice_from(reader.find("avoid")));
  return story;
}

}  // namespace

std::string encode(const ledger::WhyReport& report) {
  Json json = {
      {"host", to_json(report.host)},
      {"units", list_of<ledger::UnitReport>(report.units, &to_json)},
      {"by_cell_ns", cells_to_json(report.by_cell)},
      {"causes", list_of<ledger::CauseTally>(report.causes, &to_json)},
      {"all_predictors", to_json(report.predictors.all)},
      {"predictors", list_of<ledger::PredictorScore>(report.predictors.predictors, &to_json)}};
  put_time(json, "from", report.from);
  put_time(json, "to", report.to);
  put_duration(json, "downtime", report.downtime);
  put_duration(json, "planned", report.planned);
  put_duration(json, "unplanned", report.unplanned);
  put_duration(json, "predictable", report.predictable);
  return stamped(std::move(json));
}

std::string encode(const ledger::EventStory& story) {
  Json json = {{"event", to_json(story.event)},
               {"causes", list_of<ledger::StoredEvent>(story.causes, &to_json)},
               {"effects", list_of<ledger::StoredEvent>(story.effects, &to_json)},
               {"before", list_of<ledger::StoredEvent>(story.before, &to_json)},
               {"downtimes", list_of<ledger::StoredInterval>(story.downtimes, &to_json)},
               {"cause", ledger::to_string(story.cause)},
               {"avoid", to_json(story.avoid)}};
  if (story.predicted_by) json["predicted_by"] = to_json(*story.predicted_by);
  return stamped(std::move(json));
}

Result<ledger::WhyReport> decode_why(std::string_view text) {
  return decode_document(text, "why", &report_from);
}

Result<ledger::EventStory> decode_story(std::string_view text) {
  return decode_document(text, "story", &story_from);
}

}  // namespace nines::api
