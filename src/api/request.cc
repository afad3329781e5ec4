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
    // Of an imported event it may be any text.
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
      .with_hint("GET /v1/openapi.json describes them all");
}

Error wrong_method(std::string_view method, std::string_view allowed) {
  return Error(ErrorCode::kUnsupported, "method", std::string(method.substr(0, 16)))
      .with_detail(fmt::format("this route takes {}", allowed));
}

Status refuse_body(std::string_view body) {
  if (body.empty()) return {};
  return bad_request("decode", "request", "this route takes no body");
}

/// What a route's decoder is given.
struct Parts {
  std::string name;  ///< what stood for {name}, checked
  Query& query;
  std::string_view body;
  Verb verb;
};

Result<Request> decode_unit(Parts& parts) {
  NINES_TRY(parts.query.finish());
  return Request(GetUnit{std::move(parts.name)});
}
Result<Request> decode_act_on_one(Parts& parts) {
  return decode_act(parts.verb, std::move(parts.name), parts.body);
}
Result<Request> decode_act_on_many(Parts& parts) {
  return decode_act(parts.verb, std::nullopt, parts.body);
}
template <typename Plain>
Result<Request> decode_plain(Parts& parts) {
  NINES_TRY(parts.query.finish());
  NINES_TRY(refuse_body(parts.body));
  return Request(Plain{});
}

struct Entry {
  Route route;
  Result<Request> (*decode)(Parts&);
  Verb verb = Verb::kStart;  ///< of those that act
};

/// Words before {name}: POST /v1/units/load is not the unit "load".
constexpr std::array<Entry, 25> kEntries = {{
    {{"GET", "/v1/openapi.json"}, &decode_plain<GetOpenApi>},
    {{"GET", "/v1/status"}, &decode_plain<GetStatus>},
    {{"GET", "/v1/events"}, [](Parts& parts) { return decode_events(parts.query); }},
    {{"GET", "/v1/why"}, [](Parts& parts) { return decode_why(parts.query); }},
    {{"POST", "/v1/daemon/reexec"}, &decode_plain<ReexecDaemon>},
    {{"GET", "/v1/units"}, &decode_plain<ListUnits>},
    {{"POST", "/v1/units/load"}, [](Parts& parts) { return decode_load(parts.body); }},
    {{"POST", "/v1/units/start"}, &decode_act_on_many, Verb::kStart},
    {{"POST", "/v1/units/stop"}, &decode_act_on_many, Verb::kStop},
    {{"POST", "/v1/units/restart"}, &decode_act_on_many, Verb::kRestart},
    {{"POST", "/v1/units/reload"}, &decode_act_on_many, Verb::kReload},
    {{"POST", "/v1/units/keep"}, &decode_act_on_many, Verb::kKeep},
    {{"POST", "/v1/units/unkeep"}, &decode_act_on_many, Verb::kUnkeep},
    {{"POST", "/v1/units/reset-failed"}, &decode_act_on_many, Verb::kResetFailed},
    {{"POST", "/v1/units/rejuvenate"}, &decode_act_on_many, Verb::kRejuvenate},
    {{"GET", "/v1/units/{name}"}, &decode_unit},
    {{"GET", "/v1/units/{name}/logs"},
     [](Parts& parts) { return decode_logs(std::move(parts.name), parts.query); }},
    {{"POST", "/v1/units/{name}/start"}, &decode_act_on_one, Verb::kStart},
    {{"POST", "/v1/units/{name}/stop"}, &decode_act_on_one, Verb::kStop},
    {{"POST", "/v1/units/{name}/restart"}, &decode_act_on_one, Verb::kRestart},
    {{"POST", "/v1/units/{name}/reload"}, &decode_act_on_one, Verb::kReload},
    {{"POST", "/v1/units/{name}/keep"}, &decode_act_on_one, Verb::kKeep},
    {{"POST", "/v1/units/{name}/unkeep"}, &decode_act_on_one, Verb::kUnkeep},
    {{"POST", "/v1/units/{name}/reset-failed"}, &decode_act_on_one, Verb::kResetFailed},
    {{"POST", "/v1/units/{name}/rejuvenate"}, &decode_act_on_one, Verb::kRejuvenate},
}};

/// @return what stood for {name} (empty where the route has none), or nothing: another path.
std::optional<std::string> match(std::string_view pattern, const std::vector<std::string>& path) {
  std::string name;
  for (const std::string& segment : path) {
    if (pattern.empty()) return std::nullopt;
    const std::size_t end = std::min(pattern.find('/', 1), pattern.size());
    const std::string_view wanted = pattern.substr(1, end - 1);
    pattern.remove_prefix(end);
    if (wanted == "{name}") {
      name = segment;
    } else if (wanted != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty()) return std::nullopt;
  return name;
}

Result<Request> decode_entry(const Entry& entry, std::string name, const Target& target,
                             std::string_view body) {
  if (!name.empty()) NINES_TRY(check_name(name));
  Query query(target);
  if (entry.route.method == "GET") {
    NINES_TRY(refuse_body(body));
  } else {
    NINES_TRY(query.finish());
  }
  Parts parts{std::move(name), query, body, entry.verb};
  return entry.decode(parts);
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

const std::vector<Route>& routes() {
  static const std::vector<Route> all = [] {
    std::vector<Route> list;
    for (const Entry& entry : kEntries) list.push_back(entry.route);
    return list;
  }();
  return all;
}

std::string allowed_methods(std::string_view target) {
  std::string methods;
  const auto parsed = parse_target(target);
  if (!parsed) return methods;
  for (const Entry& entry : kEntries) {
    if (!match(entry.route.path, parsed->path)) continue;
    if (methods.find(entry.route.method) != std::string::npos) continue;
    methods += (methods.empty() ? "" : ", ") + std::string(entry.route.method);
  }
  return methods;
}

Result<Request> decode_request(std::string_view method, std::string_view target,
                               std::string_view body) {
  NINES_ASSIGN(const Target parsed, parse_target(target));
  for (const Entry& entry : kEntries) {
    if (entry.route.method != method) continue;
    if (auto name = match(entry.route.path, parsed.path)) {
      return decode_entry(entry, std::move(*name), parsed, body);
    }
  }
  const std::string allowed = allowed_methods(target);
  return allowed.empty() ? no_route(target) : wrong_method(method, allowed);
}

}  // namespace nines::api
