#include "api/codec_common.h"

namespace nines::api {
namespace {

Json line_to_json(const LogLine& line) {
  Json json = {{"stream", line.stream}, {"text", line.text}};
  put_time(json, "time", line.time);
  return json;
}

Result<LogLine> line_from_json(const Json& json) {
  LogLine line;
  JsonReader reader(json, "log line", ErrorCode::kCorrupt);
  reader.need("time_ns", line.time);
  reader.need("stream", line.stream);
  reader.need("text", line.text);
  NINES_TRY(reader.finish());
  return line;
}

}  // namespace

Json event_to_json(const ledger::Event& event) {
  Json json = {{"id", event.id},
               {"since_boot_ns", event.since_boot.ns},
               {"cell", ledger::to_string(event.cell)},
               {"kind", event.kind},
               {"subject", event.subject},
               {"severity", ledger::to_string(event.severity)},
               {"caused_by", event.caused_by}};
  put_time(json, "time", event.time);
  // The detail is an object for whoever reads the API; what is none (a corrupt row) stays text.
  Json detail = Json::parse(event.detail_json, nullptr, /*allow_exceptions=*/false);
  json["detail"] = detail.is_object() ? std::move(detail) : Json{{"text", event.detail_json}};
  return json;
}

Result<ledger::Event> event_from_json(const Json& json) {
  ledger::Event event;
  JsonReader reader(json, "event", ErrorCode::kCorrupt);
  reader.need("id", event.id);
  reader.need("time_ns", event.time);
  reader.need("since_boot_ns", event.since_boot.ns);
  reader.word("cell", event.cell, &enum_from<ledger::Cell, 9>);
  reader.word("severity", event.severity, &enum_from<ledger::Severity, 3>);
  reader.need("kind", event.kind);
  reader.need("subject", event.subject);
  reader.maybe("caused_by", event.caused_by);
  const Json* detail = reader.find("detail");
  if (detail != nullptr && detail->is_object()) {
    event.detail_json = dump(*detail);
  } else {
    reader.fail("detail", "is not an object");
  }
  NINES_TRY(reader.finish());
  return event;
}

std::string encode(const LogLine& line) {
  return stamped(line_to_json(line));
}
std::string encode(const std::vector<LogLine>& lines) {
  return stamped_list("lines", lines, &line_to_json);
}
std::string encode(const ledger::Event& event) {
  return stamped(event_to_json(event));
}
std::string encode(const std::vector<ledger::Event>& events) {
  return stamped_list("events", events, &event_to_json);
}

Result<LogLine> decode_log_line(std::string_view text) {
  return decode_document(text, "log line", &line_from_json);
}
Result<std::vector<LogLine>> decode_log_lines(std::string_view text) {
  return decode_list(text, "lines", &line_from_json);
}
Result<ledger::Event> decode_event(std::string_view text) {
  return decode_document(text, "event", &event_from_json);
}
Result<std::vector<ledger::Event>> decode_events(std::string_view text) {
  return decode_list(text, "events", &event_from_json);
}

}  // namespace nines::api
