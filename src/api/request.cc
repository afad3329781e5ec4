#include "api/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "api/json_reader.h"
#include "api/target.h"

namespace nines::api {
namespace {

constexpr std::array<std::string_view, 8> kVerbs = {
    "start", "stop", "restart", "reload", "keep", "unkeep", "reset-failed", "rejuvenate"};

Error bad_request(std::string op, std::string subject, std::string detail) {
  return Error(ErrorCode::kInvalidArgument, std::move(op), std::move(subject))
      .with_detail(std::move(detail));
}

Status check_name(std::string_view name) {
  if (valid_unit_name(name)) return {};
  return bad_request("unit", std::string(name.substr(0, kMaxUnitName)), "not a valid unit name")
      .with_hint("letters, digits and :-_.\\@, at most 255 of them");
}

/// Hands out query parameters; finish() refuses those that nobody took.
class Query {
 public:
  explicit Query(const Target& target) : pairs_(target.query) {}

  std::optional<std::string> take(std::string_view key) {
    for (auto it = pairs_.begin(); it != pairs_.end(); ++it) {
      if (it->first != key) continue;
      std::string value = std::move(it->second);
      pairs_.erase(it);
      return value;
    }
    return std::nullopt;
  }

  Status take_flag(std::string_view key, bool& out) {
    const auto value = take(key);
    if (!value) return {};
    if (*value != "0" && *value != "1") return bad_request("query", std::string(key), "not 0 or 1");
    out = *value == "1";
    return {};
  }

  Status take_count(std::string_view key, std::size_t most, std::size_t& out) {
    const auto value = take(key);
    if (!value) return {};
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error != std::errc() || end != value->data() + value->size() || number > most) {
      return bad_request("query", std::string(key), fmt::format("not a number from 0 to {}", most));
    }
    out = number;
    return {};
  }

  Status finish() const {
    if (pairs_.empty()) return {};
    return bad_request("query", pairs_.front().first, "no such parameter here");
  }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

Status check_version(JsonReader& reader) {
  int version = kVersion;
  reader.maybe("api", version);
  if (version == kVersion) return {};
  return Error(ErrorCode::kUnsupported, "decode request")
      .with_detail(fmt::format("api version {} asked for, {} spoken", version, kVersion))
      .with_hint("the command line and the daemon are of different releases: update the older");
}

Result<Request> decode_act(Verb verb, std::optional<std::string> name, std::string_view body) {
  ActOnUnits act;
  act.verb = verb;
  act.single = name.has_value();
  Json json = Json::object();
  if (!body.empty()) {
    NINES_ASSIGN(json, parse_object(body, "request", ErrorCode::kInvalidArgument));
  }
  JsonReader reader(json, "request", ErrorCode::kInvalidArgument);
  NINES_TRY(check_version(reader));
  reader.maybe("no_block", act.options.no_block);
  if (name) {
    act.units = {std::move(*name)};
  } else {
    reader.need("units", act.units);
  }
  reader.refuse_unknown();
  NINES_TRY(reader.finish());
  if (act.units.empty()) return bad_request("decode", "request", "'units' is empty");
  if (act.units.size() > kMaxUnitsInRequest) {
    return bad_request("decode", "request", fmt::format("more than {} units", kMaxUnitsInRequest));
  }
  for (const std::string& unit : act.units) NINES_TRY(check_name(unit));
  return Request(std::move(act));
}

Result<Request> decode_load(std::string_view body) {
  LoadUnit load;
  NINES_ASSIGN(const Json json, parse_object(body, "request", ErrorCode::kInvalidArgument));
  JsonReader reader(json, "request", ErrorCode::kInvalidArgument);
  NINES_TRY(check_version(reader));
  reader.need("name", load.name);
  reader.need("text", load.text);
  reader.refuse_unknown();
  NINES_TRY(reader.finish());
  NINES_TRY(check_name(load.name));
  return Request(std::move(load));
}

Result<Request> decode_events(Query& query) {
  GetEvents get;
  if (auto unit = query.take("unit")) {
    NINES_TRY(check_name(*unit));
    get.filter.unit = std::move(*unit);
  }
  if (const auto since = query.take("since")) {
    NINES_ASSIGN(get.filter.since, parse_iso8601(*since));
  }
  NINES_TRY(query.take_count("limit", kMaxEvents, get.filter.limit));
  if (auto after = query.take("after")) {
    NINES_TRY(check_event_id(*after));
    get.filter.after = std::move(*after);
  }
  NINES_TRY(query.take_flag("follow", get.follow));
  NINES_TRY(query.finish());
  return Request(std::move(get));
}

Result<Request> decode_logs(std::string name, Query& query) {
  NINES_TRY(check_name(name));
  GetLogs get;
  get.name = std::move(name);
  NINES_TRY(query.take_count("lines", kMaxLogLines, get.lines));
  NINES_TRY(query.take_flag("follow", get.follow));
  NINES_TRY(query.finish());
  return Request(std::move(get));
}

Result<Request> decode_why(Query& query) {
  if (auto event = query.take("event")) {
    NINES_TRY(query.finish());
    if (event->empty() || event->size() > kMaxEventId) {
      return bad_request("query", "event", "not the id of an event");
    }
    return Request(GetStory{std::move(*event)});
  }
  GetWhy get;
  if (auto unit = query.take("unit")) {
    NINES_TRY(check_name(*unit));
    get.unit = std::move(*unit);
  }
  if (const auto since = query.take("since")) {
    NINES_ASSIGN(get.since, parse_iso8601(*since));
  }
  NINES_TRY(query.finish());
  return Request(std::move(get));
}

Error no_route(std::string_view target) {
  return Error(ErrorCode::kNotFound, "route", std::string(target))
      .with_detail("no such route")
      .with_hint("see /v1/status, /v1/units, /v1/events, /v1/why");
}

Error wrong_method(std::string_view method, std::string_view allowed) {
  return Error(ErrorCode::kUnsupported, "method", std::string(method))
      .with_detail(fmt::format("this route takes {}", allowed));
}

Status refuse_body(std::string_view body) {
  if (body.empty()) return {};
  return bad_request("decode", "request", "this route takes no body");
}

/// Routes of reading: GET, no body.
Result<Request> decode_get(const Target& target, std::string_view text) {
  Query query(target);
  const auto& path = target.path;
  const auto plain = [&](Request request) -> Result<Request> {
    NINES_TRY(query.finish());
    return request;
  };
  if (path.size() == 2 && path[1] == "status") return plain(GetStatus{});
  if (path.size() == 2 && path[1] == "units") return plain(ListUnits{});
  if (path.size() == 2 && path[1] == "events") return decode_events(query);
  if (path.size() == 2 && path[1] == "why") return decode_why(query);
  if (path.size() == 3 && path[1] == "units") {
    NINES_TRY(check_name(path[2]));
    return plain(GetUnit{path[2]});
  }
  if (path.size() == 4 && path[1] == "units" && path[3] == "logs") {
    return decode_logs(path[2], query);
  }
  const bool act = path.size() == 4 && path[1] == "units" && verb_from(path[3]);
  const bool reexec = path.size() == 3 && path[1] == "daemon" && path[2] == "reexec";
  if (act || reexec) return wrong_method("GET", "POST");
  return no_route(text);
}

/// Routes that alter something: POST, no query.
Result<Request> decode_post(const Target& target, std::string_view text, std::string_view body) {
  NINES_TRY(Query(target).finish());
  const auto& path = target.path;
  if (path.size() == 3 && path[1] == "units") {
    if (path[2] == "load") return decode_load(body);
    if (const auto verb = verb_from(path[2])) return decode_act(*verb, std::nullopt, body);
    return wrong_method("POST", "GET");
  }
  if (path.size() == 4 && path[1] == "units") {
    NINES_TRY(check_name(path[2]));
    if (const auto verb = verb_from(path[3])) return decode_act(*verb, path[2], body);
    if (path[3] == "logs") return wrong_method("POST", "GET");
  }
  if (path.size() == 3 && path[1] == "daemon" && path[2] == "reexec") {
    NINES_TRY(refuse_body(body));
    return Request(ReexecDaemon{});
  }
  if (path.size() == 2 &&
      (path[1] == "status" || path[1] == "units" || path[1] == "events" || path[1] == "why")) {
    return wrong_method("POST", "GET");
  }
  return no_route(text);
}

}  // namespace

Status check_event_id(std::string_view id) {
  const bool printable =
      std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!id.empty() && id.size() <= kMaxEventId && printable) return {};
  return bad_request("event", std::string(printable ? id.substr(0, kMaxEventId) : "id"),
                     "not an event's id");
}

std::string_view to_string(Verb verb) {
  return kVerbs[static_cast<std::size_t>(verb)];
}

std::optional<Verb> verb_from(std::string_view text) {
  for (std::size_t i = 0; i < kVerbs.size(); ++i) {
    if (kVerbs[i] == text) return static_cast<Verb>(i);
  }
  return std::nullopt;
}

bool alters(const Request& request) {
  return std::holds_alternative<ActOnUnits>(request) || std::holds_alternative<LoadUnit>(request) ||
         std::holds_alternative<ReexecDaemon>(request);
}

Result<Request> decode_request(std::string_view method, std::string_view target,
                               std::string_view body) {
  NINES_ASSIGN(const Target parsed, parse_target(target));
  if (parsed.path.empty() || parsed.path[0] != "v1") return no_route(target);
  if (method == "GET") {
    NINES_TRY(refuse_body(body));
    return decode_get(parsed, target);
  }
  if (method == "POST") return decode_post(parsed, target, body);
  return wrong_method(method.substr(0, 16), "GET or POST");
}

}  // namespace nines::api
