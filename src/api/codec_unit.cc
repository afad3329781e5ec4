#include "api/codec_common.h"

namespace nines::api {
namespace {

Json downtime_to_json(const OpenDowntime& downtime) {
  Json json = {{"planned", downtime.planned}};
  put_time(json, "since", downtime.since);
  if (!downtime.cause_event.empty()) json["cause_event"] = downtime.cause_event;
  return json;
}

/// What the kernel says about its processes.
void put_resources(Json& json, const UnitStatus& unit) {
  if (unit.memory) json["memory_bytes"] = unit.memory->count;
  put_known(json, "cpu_usec", unit.cpu_usec);
  put_known(json, "tasks", unit.tasks);
  put_known(json, "main_pid", unit.main_pid);
  put_known(json, "standby_pid", unit.standby_pid);
  json["listeners"] = unit.listeners;
  json["fd_store"] = unit.fd_store;
}

/// How well it was kept up.
void put_record(Json& json, const UnitStatus& unit) {
  if (unit.since) put_time(json, "since", *unit.since);
  if (unit.uptime) json["uptime_ns"] = unit.uptime->count();
  json["restarts"] = unit.restarts;
  json["last_exit"] = unit.last_exit;
  put_known(json, "last_recovery_ms", unit.last_recovery_ms);
  put_known(json, "availability_24h", unit.availability_24h);
  put_known(json, "availability_target", unit.availability_target);
  if (unit.downtime) json["downtime"] = downtime_to_json(*unit.downtime);
}

Json unit_to_json(const UnitStatus& unit) {
  Json json = {{"name", unit.name},
               {"description", unit.description},
               {"load", to_string(unit.load)},
               {"load_detail", unit.load_detail},
               {"state", to_string(unit.state)},
               {"sub_state", unit.sub_state},
               {"health", to_string(unit.health)},
               {"health_detail", unit.health_detail},
               {"kept", unit.kept},
               {"files", unit.files}};
  put_resources(json, unit);
  put_record(json, unit);
  return json;
}

Result<OpenDowntime> downtime_from_json(const Json& json) {
  OpenDowntime downtime;
  JsonReader reader(json, "downtime", ErrorCode::kCorrupt);
  reader.need("since_ns", downtime.since);
  reader.need("planned", downtime.planned);
  reader.maybe("cause_event", downtime.cause_event);
  NINES_TRY(reader.finish());
  return downtime;
}

void read_resources(JsonReader& reader, UnitStatus& unit) {
  std::optional<std::uint64_t> memory;
  reader.maybe("memory_bytes", memory);
  if (memory) unit.memory = Bytes{*memory};
  reader.maybe("cpu_usec", unit.cpu_usec);
  reader.maybe("tasks", unit.tasks);
  reader.maybe("main_pid", unit.main_pid);
  reader.maybe("standby_pid", unit.standby_pid);
  reader.maybe("listeners", unit.listeners);
  reader.maybe("fd_store", unit.fd_store);
}

Status read_record(JsonReader& reader, UnitStatus& unit) {
  reader.maybe("since_ns", unit.since);
  reader.maybe("uptime_ns", unit.uptime);
  reader.maybe("restarts", unit.restarts);
  reader.maybe("last_exit", unit.last_exit);
  reader.maybe("last_recovery_ms", unit.last_recovery_ms);
  reader.maybe("availability_24h", unit.availability_24h);
  reader.maybe("availability_target", unit.availability_target);
  if (const Json* downtime = reader.find("downtime")) {
    NINES_ASSIGN(unit.downtime, downtime_from_json(*downtime));
  }
  return {};
}

Result<UnitStatus> unit_from_json(const Json& json) {
  UnitStatus unit;
  JsonReader reader(json, "unit", ErrorCode::kCorrupt);
  reader.need("name", unit.name);
  reader.word("state", unit.state, &unit_state_from);
  reader.word("load", unit.load, &load_state_from);
  reader.word("health", unit.health, &health_from);
  reader.maybe("description", unit.description);
  reader.maybe("load_detail", unit.load_detail);
  reader.maybe("sub_state", unit.sub_state);
  reader.maybe("health_detail", unit.health_detail);
  reader.maybe("kept", unit.kept);
  reader.maybe("files", unit.files);
  read_resources(reader, unit);
  NINES_TRY(read_record(reader, unit));
  NINES_TRY(reader.finish());
  return unit;
}

}  // namespace

std::string encode(const UnitStatus& unit) {
  return stamped(unit_to_json(unit));
}
std::string encode(const std::vector<UnitStatus>& units) {
  return stamped_list("units", units, &unit_to_json);
}
Result<UnitStatus> decode_unit(std::string_view text) {
  return decode_document(text, "unit", &unit_from_json);
}
Result<std::vector<UnitStatus>> decode_units(std::string_view text) {
  return decode_list(text, "units", &unit_from_json);
}

}  // namespace nines::api
