#include "app/supervise/unit_state.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/fault_point.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 14> kPhaseNames = {
    "dead",   "condition", "start-pre",   "start",      "start-post", "running",      "exited",
    "reload", "stop",      "stop-signal", "final-kill", "stop-post",  "wait-restart", "failed"};

// The version of the form below. A daemon that meets a newer one sets the file aside.
constexpr int kVersion = 1;

json to_json(const SavedProcess& process) {
  return {{"slot", static_cast<std::int64_t>(static_cast<std::int32_t>(process.slot))},
          {"invocation", process.invocation_id.str()}};
}

Id128 id_from(const json& from) {
  const auto text = from.at("invocation").get<std::string>();
  if (text.empty()) return {};
  const auto id = Id128::parse(text);
  if (!id) throw json::other_error::create(599, "invocation", nullptr);
  return *id;
}

SavedProcess process_from(const json& from) {
  SavedProcess process;
  process.slot = static_cast<unsigned>(from.at("slot").get<std::int32_t>());
  if (process.slot >= ProcessTable::kSlots) process.slot = ProcessTable::kNoSlot;
  process.invocation_id = id_from(from);
  return process;
}

json to_json(const ledger::DowntimeInterval& interval) {
  return {{"id", interval.id},
          {"unit", interval.unit},
          {"start", interval.start.ns},
          {"start_boot", interval.start_since_boot.ns},
          {"cause", interval.cause_event},
          {"planned", interval.planned},
          {"cell", static_cast<int>(interval.cell)},
          {"closed", interval.closed},
          {"end", interval.end.ns},
          {"duration", interval.duration.count()}};
}

ledger::DowntimeInterval interval_from(const json& from) {
  ledger::DowntimeInterval interval;
  interval.id = from.at("id").get<std::string>();
  interval.unit = from.at("unit").get<std::string>();
  interval.start.ns = from.at("start").get<std::int64_t>();
  interval.start_since_boot.ns = from.at("start_boot").get<std::int64_t>();
  interval.cause_event = from.at("cause").get<std::string>();
  interval.planned = from.at("planned").get<bool>();
  interval.cell = static_cast<ledger::Cell>(from.at("cell").get<int>());
  interval.closed = from.value("closed", false);
  interval.end.ns = from.value("end", std::int64_t{0});
  interval.duration = Nanoseconds(from.value("duration", std::int64_t{0}));
  return interval;
}

void fill(UnitState& state, const json& from) {
  const auto phase = from.at("phase").get<std::string>();
  const auto known = std::find(kPhaseNames.begin(), kPhaseNames.end(), phase);
  if (known == kPhaseNames.end()) throw json::other_error::create(599, phase, nullptr);
  state.phase = static_cast<Phase>(known - kPhaseNames.begin());
  state.name = from.at("name").get<std::string>();
  state.wanted = from.at("wanted").get<bool>();
  state.invocation_id = id_from(from);
  state.command_index = from.at("command_index").get<std::size_t>();
  state.main = process_from(from.at("main"));
  state.control = process_from(from.at("control"));
  state.standby = process_from(from.at("standby"));
  for (const json& one : from.at("dying")) state.dying.push_back(process_from(one));
  state.standby_frozen = from.at("standby_frozen").get<bool>();
  state.standby_cgroup_b = from.at("cgroup_b").get<bool>();
  state.phase_since.ns = from.at("phase_since").get<std::int64_t>();
  state.active_since.ns = from.at("active_since").get<std::int64_t>();
  state.active_since_boot.ns = from.at("active_since_boot").get<std::int64_t>();
  state.was_ready = from.at("was_ready").get<bool>();
  state.main_pid_known = from.at("main_pid_known").get<bool>();
  if (auto restart = restart_state_from_json(from.at("restart"))) state.restart = *restart;
  state.restart_due.ns = from.at("restart_due").get<std::int64_t>();
  if (const int outcome = from.at("outcome").get<int>(); outcome >= 0) {
    state.pending_outcome = static_cast<Outcome>(outcome);
  }
  state.last_exit.kind = static_cast<sys::ExitStatus::Kind>(from.at("exit_kind").get<int>());
  state.last_exit.value = from.at("exit_value").get<int>();
  state.last_result = from.at("result").get<std::string>();
  state.status_text = from.at("status").get<std::string>();
  state.last_recovery = Nanoseconds(from.at("recovery").get<std::int64_t>());
  state.oom_kills = from.at("oom_kills").get<std::uint64_t>();
  for (std::size_t i = 0; i < std::size(state.cgroups); ++i) {
    const json& paths = from.at("cgroups").at(i);
    state.cgroups[i] = {paths.at("v2").get<std::string>(),
                        paths.at("v1").get<std::vector<std::string>>()};
  }
  state.downtimes = from.value("downtimes", 0U);
  if (from.contains("downtime")) state.downtime = interval_from(from.at("downtime"));
  state.fd_store = from.at("fd_store").get<std::vector<std::string>>();
  if (from.contains("rejuvenation")) {
    const json& saved = from.at("rejuvenation");
    state.rejuvenation = SavedRejuvenation{
        saved.at("cause").get<std::string>(), id_from(saved),
        process_from(saved.at("retiring")),   saved.at("down").get<bool>(),
        saved.at("interrupted").get<bool>(),  saved.value("stored", std::vector<std::string>())};
  }
  state.restart_after_stop = from.at("restart_after_stop").get<bool>();
  state.waits_for = from.at("waits_for").get<std::string>();
}

}  // namespace

std::string_view to_string(Phase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

std::string encode(const UnitState& state) {
  json out = {
      {"version", kVersion},
      {"name", state.name},
      {"phase", to_string(state.phase)},
      {"wanted", state.wanted},
      {"invocation", state.invocation_id.str()},
      {"command_index", state.command_index},
      {"main", to_json(state.main)},
      {"control", to_json(state.control)},
      {"standby", to_json(state.standby)},
      {"dying", json::array()},
      {"standby_frozen", state.standby_frozen},
      {"cgroup_b", state.standby_cgroup_b},
      {"phase_since", state.phase_since.ns},
      {"active_since", state.active_since.ns},
      {"active_since_boot", state.active_since_boot.ns},
      {"was_ready", state.was_ready},
      {"main_pid_known", state.main_pid_known},
      {"restart", to_json(state.restart)},
      {"restart_due", state.restart_due.ns},
      {"outcome", state.pending_outcome ? static_cast<int>(*state.pending_outcome) : -1},
      {"exit_kind", static_cast<int>(state.last_exit.kind)},
      {"exit_value", state.last_exit.value},
      {"result", state.last_result.get()},
      {"status", state.status_text.get()},
      {"recovery", state.last_recovery.count()},
      {"oom_kills", state.oom_kills},
      {"cgroups", json::array()},
      {"downtimes", state.downtimes},
      {"fd_store", state.fd_store},
      {"restart_after_stop", state.restart_after_stop},
      {"waits_for", state.waits_for.get()},
  };
  for (const auto& paths : state.cgroups) {
    out["cgroups"].push_back({{"v2", paths.v2()}, {"v1", paths.v1()}});
  }
  for (const SavedProcess& process : state.dying) out["dying"].push_back(to_json(process));
  if (state.rejuvenation) {
    out["rejuvenation"] = {{"cause", state.rejuvenation->cause},
                           {"invocation", state.rejuvenation->invocation_id.str()},
                           {"retiring", to_json(state.rejuvenation->retiring)},
                           {"down", state.rejuvenation->counts_as_down},
                           {"interrupted", state.rejuvenation->interrupted},
                           {"stored", state.rejuvenation->stored}};
  }
  if (state.downtime) out["downtime"] = to_json(*state.downtime);
  // A status text is the unit's and may hold any bytes.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<UnitState> decode_unit_state(const std::string& text) {
  try {
    const json from = json::parse(text);
    if (from.at("version").get<int>() != kVersion) {
      return Error(ErrorCode::kCorrupt, "read unit state")
          .with_detail("written by another version");
    }
    UnitState state;
    fill(state, from);
    return state;
  } catch (const json::exception& problem) {
    return Error(ErrorCode::kCorrupt, "read unit state").with_detail(problem.what());
  }
}

Status StateStore::save(const UnitState& state) const {
  return sys::replace_file(directory_ + "/" + state.name + ".json", encode(state), 0600);
}

void StateStore::remove(const std::string& unit) const {
  (void)std::remove((directory_ + "/" + unit + ".json").c_str());
}

std::vector<UnitState> StateStore::load_all(std::vector<Error>& problems) const {
  std::vector<UnitState> states;
  auto names = sys::list_directory(directory_);
  if (!names) {
    problems.push_back(std::move(names.error()));
    return states;
  }
  for (const std::string& name : *names) {
    if (!name.ends_with(".json")) continue;
    const std::string path = directory_ + "/" + name;
    auto text = sys::read_file(path);
    auto state = text ? decode_unit_state(*text) : Result<UnitState>(std::move(text.error()));
    if (state) {
      states.push_back(std::move(*state));
      continue;
    }
    (void)std::rename(path.c_str(), (path + ".corrupt").c_str());
    problems.push_back(std::move(state.error()).in(path));
  }
  return states;
}

}  // namespace nines::supervise
