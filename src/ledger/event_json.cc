#include "ledger/event_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

namespace nines::ledger {
namespace {

using nlohmann::json;

// As in IntervalTable: sums of two such times stay inside 64 bits.
constexpr std::int64_t kMaxTime = std::int64_t{1} << 62;
constexpr std::int64_t kMaxDuration = std::int64_t{1} << 60;

/// To the nanosecond, so that an exported record is imported as what it was.
std::string time_text(UtcTime time) {
  const std::string text = to_iso8601(time);
  const std::int64_t second = 1'000'000'000;
  const std::int64_t fraction = (time.ns % second + second) % second;
  return fmt::format("{}.{:09}Z", text.substr(0, text.find('.')), fraction);
}

json detail_of(const Event& event) {
  json detail = json::parse(event.detail_json, nullptr, /*allow_exceptions=*/false);
  if (detail.is_object()) return detail;
  return json{{"text", event.detail_json}};
}

Error invalid(std::string_view field, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument, "read JSON")
      .with_detail(fmt::format("{}: {}", field, why));
}

/// Parses one object; refuses repeated fields and depth while parsing, before memory is spent.
Result<json> parse_object(std::string_view text) {
  if (text.size() > kMaxJsonBytes) {
    return Error(ErrorCode::kLimit, "read JSON")
        .with_detail(fmt::format("longer than {} bytes", kMaxJsonBytes));
  }
  std::set<std::string> fields;
  std::string repeated;
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxJsonDepth) too_deep = true;
    if (event == json::parse_event_t::key && depth == 1 &&
        !fields.insert(parsed.get<std::string>()).second) {
      repeated = parsed.get<std::string>();
    }
    return !too_deep;
  };
  json object = json::parse(text, watch, /*allow_exceptions=*/false);
  if (too_deep) {
    return Error(ErrorCode::kLimit, "read JSON")
        .with_detail(fmt::format("nested deeper than {}", kMaxJsonDepth));
  }
  if (object.is_discarded()) return invalid("text", "not JSON");
  if (!object.is_object()) return invalid("text", "not an object");
  if (!repeated.empty()) return invalid(repeated, "given twice");
  return object;
}

/// Takes the fields of an object one by one; what is left at the end is unknown.
class Fields {
 public:
  explicit Fields(json object) : object_(std::move(object)) {}

  Status text(const char* name, std::string* out, std::size_t max_bytes, bool required) {
    NINES_ASSIGN(const json value, take(name, required));
    if (value.is_null()) return {};
    if (!value.is_string()) return invalid(name, "not a string");
    *out = value.get<std::string>();
    if (out->size() > max_bytes) return invalid(name, fmt::format("over {} bytes", max_bytes));
    if (out->find('\0') != std::string::npos) return invalid(name, "contains a NUL");
    if (required && out->empty()) return invalid(name, "empty");
    return {};
  }
  Status time(const char* name, UtcTime* out, bool required) {
    std::string text_value;
    NINES_TRY(text(name, &text_value, 64, required));
    if (text_value.empty()) return {};
    const auto parsed = parse_iso8601(text_value);
    if (!parsed) return invalid(name, parsed.error().hint());
    if (parsed->ns < 0 || parsed->ns > kMaxTime) return invalid(name, "not a time we can keep");
    *out = *parsed;
    return {};
  }
  Status number(const char* name, std::int64_t* out, std::int64_t max) {
    NINES_ASSIGN(const json value, take(name, false));
    if (value.is_null()) return {};
    if (!value.is_number_integer()) return invalid(name, "not an integer");
    // An unsigned number above the signed range would turn negative and pass for one.
    const bool huge =
        value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(max);
    if (huge || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > max) {
      return invalid(name, fmt::format("not within 0..{}", max));
    }
    *out = value.get<std::int64_t>();
    return {};
  }
  Status flag(const char* name, bool* out) {
    NINES_ASSIGN(const json value, take(name, false));
    if (value.is_null()) return {};
    if (!value.is_boolean()) return invalid(name, "not true or false");
    *out = value.get<bool>();
    return {};
  }
  template <typename Enum>
  Status choice(const char* name, Enum* out, int count) {
    std::string word;
    NINES_TRY(text(name, &word, 64, false));
    if (word.empty()) return {};
    for (int i = 0; i < count; ++i) {
      if (to_string(static_cast<Enum>(i)) != word) continue;
      *out = static_cast<Enum>(i);
      return {};
    }
    return invalid(name, "not a known word");
  }
  Result<json> take(const char* name, bool required) {
    const auto found = object_.find(name);
    if (found == object_.end()) {
      if (required) return invalid(name, "missing");
      return json();
    }
    json value = std::move(*found);
    object_.erase(found);
    if (value.is_null()) return invalid(name, "null");
    return value;
  }
  Status nothing_left() const {
    if (object_.empty()) return {};
    return invalid(object_.begin().key(), "unknown field");
  }

 private:
  json object_;
};

}  // namespace

json to_json(const Event& event) {
  json object = {{"id", event.id},
                 {"time", time_text(event.time)},
                 {"since_boot_ns", event.since_boot.ns},
                 {"cell", to_string(event.cell)},
                 {"kind", event.kind},
                 {"severity", to_string(event.severity)},
                 {"detail", detail_of(event)}};
  if (!event.subject.empty()) object["subject"] = event.subject;
  if (!event.caused_by.empty()) object["caused_by"] = event.caused_by;
  return object;
}

json to_json(const DowntimeInterval& interval) {
  json object = {{"id", interval.id},
                 {"unit", interval.unit},
                 {"start", time_text(interval.start)},
                 {"start_since_boot_ns", interval.start_since_boot.ns},
                 {"closed", interval.closed},
                 {"planned", interval.planned},
                 {"cell", to_string(interval.cell)}};
  if (!interval.cause_event.empty()) object["cause_event"] = interval.cause_event;
  if (interval.closed) {
    object["end"] = time_text(interval.end);
    object["duration_ns"] = interval.duration.count();
  }
  return object;
}

std::string to_json_text(const Record& record) {
  return std::visit([](const auto& value) { return to_json(value); }, record)
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Event> event_from_json(std::string_view text) {
  NINES_ASSIGN(json object, parse_object(text));
  Fields fields(std::move(object));
  Event event;
  NINES_TRY(fields.text("id", &event.id, kMaxIdBytes, true));
  NINES_TRY(fields.time("time", &event.time, true));
  NINES_TRY(fields.number("since_boot_ns", &event.since_boot.ns, kMaxTime));
  NINES_TRY(fields.choice("cell", &event.cell, 9));
  NINES_TRY(fields.text("kind", &event.kind, kMaxNameBytes, true));
  NINES_TRY(fields.text("subject", &event.subject, kMaxNameBytes, false));
  NINES_TRY(fields.choice("severity", &event.severity, 3));
  NINES_TRY(fields.text("caused_by", &event.caused_by, kMaxIdBytes, false));
  NINES_ASSIGN(const json detail, fields.take("detail", false));
  if (!detail.is_null() && !detail.is_object()) return invalid("detail", "not an object");
  if (detail.is_object()) event.detail_json = detail.dump();
  NINES_TRY(fields.nothing_left());
  return event;
}

Result<DowntimeInterval> interval_from_json(std::string_view text) {
  NINES_ASSIGN(json object, parse_object(text));
  Fields fields(std::move(object));
  DowntimeInterval interval;
  std::int64_t duration = -1;
  NINES_TRY(fields.text("id", &interval.id, kMaxIdBytes, true));
  NINES_TRY(fields.text("unit", &interval.unit, kMaxNameBytes, true));
  NINES_TRY(fields.time("start", &interval.start, true));
  NINES_TRY(fields.number("start_since_boot_ns", &interval.start_since_boot.ns, kMaxTime));
  NINES_TRY(fields.flag("closed", &interval.closed));
  NINES_TRY(fields.time("end", &interval.end, interval.closed));
  NINES_TRY(fields.number("duration_ns", &duration, kMaxDuration));
  NINES_TRY(fields.text("cause_event", &interval.cause_event, kMaxIdBytes, false));
  NINES_TRY(fields.flag("planned", &interval.planned));
  NINES_TRY(fields.choice("cell", &interval.cell, 9));
  NINES_TRY(fields.nothing_left());
  if (!interval.closed && (duration >= 0 || interval.end.ns != 0)) {
    return invalid("closed", "false, and yet there is an end");
  }
  if (!interval.closed) return interval;
  if (duration < 0) return invalid("duration_ns", "missing");
  if (interval.end.ns != interval.start.ns + duration) {
    return invalid("end", "not start + duration_ns");
  }
  interval.duration = Nanoseconds(duration);
  return interval;
}

std::string to_json_text(const HostIdentity& host) {
  const json object = {
      {"boot_id", host.boot_id}, {"machine_id", host.machine_id}, {"host", host.host_name}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ExportLine> line_from_json(std::string_view text) {
  NINES_ASSIGN(json object, parse_object(text));
  if (object.contains("kind")) {
    NINES_ASSIGN(Event event, event_from_json(text));
    return ExportLine(std::move(event));
  }
  if (object.contains("unit")) {
    NINES_ASSIGN(DowntimeInterval interval, interval_from_json(text));
    return ExportLine(std::move(interval));
  }
  if (!object.contains("boot_id"))
    return invalid("text", "neither a boot, an event nor an interval");
  Fields fields(std::move(object));
  HostIdentity host;
  NINES_TRY(fields.text("boot_id", &host.boot_id, kMaxIdBytes, true));
  NINES_TRY(fields.text("machine_id", &host.machine_id, kMaxNameBytes, true));
  NINES_TRY(fields.text("host", &host.host_name, kMaxNameBytes, false));
  NINES_TRY(fields.nothing_left());
  return ExportLine(std::move(host));
}

}  // namespace nines::ledger
