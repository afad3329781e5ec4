#include "api/json_reader.h"

#include <fmt/format.h>
#include "api/request.h"
#include "api/target.h"

namespace nines::api {
namespace {

std::string unit_path(std::string_view name) {
  return "/v1/units/" + percent_encode(name);
}

EncodedRequest encode(const GetOpenApi&) {
  return {"GET", "/v1/openapi.json", ""};
}
EncodedRequest encode(const GetStatus&) {
  return {"GET", "/v1/status", ""};
}
EncodedRequest encode(const ListUnits&) {
  return {"GET", "/v1/units", ""};
}
EncodedRequest encode(const GetUnit& get) {
  return {"GET", unit_path(get.name), ""};
}

EncodedRequest encode(const GetLogs& get) {
  return {"GET",
          fmt::format("{}/logs?lines={}{}", unit_path(get.name), get.lines,
                      get.follow ? "&follow=1" : ""),
          ""};
}

EncodedRequest encode(const GetEvents& get) {
  std::string target = fmt::format("/v1/events?limit={}", get.filter.limit);
  if (!get.filter.unit.empty()) target += "&unit=" + percent_encode(get.filter.unit);
  if (get.filter.since) target += "&since=" + percent_encode(to_iso8601(*get.filter.since));
  if (!get.filter.after.empty()) target += "&after=" + percent_encode(get.filter.after);
  if (get.follow) target += "&follow=1";
  return {"GET", std::move(target), ""};
}

EncodedRequest encode(const GetWhy& get) {
  std::string target = "/v1/why";
  char separator = '?';
  const auto add = [&](std::string_view key, std::string_view value) {
    target += fmt::format("{}{}={}", std::exchange(separator, '&'), key, percent_encode(value));
  };
  if (!get.unit.empty()) add("unit", get.unit);
  if (get.since) add("since", to_iso8601(*get.since));
  return {"GET", std::move(target), ""};
}

EncodedRequest encode(const GetStory& get) {
  return {"GET", "/v1/why?event=" + percent_encode(get.event), ""};
}

EncodedRequest encode(const ActOnUnits& act) {
  Json body = {{"api", kVersion}, {"no_block", act.options.no_block}};
  if (act.single) {
    return {"POST", fmt::format("{}/{}", unit_path(act.units.at(0)), to_string(act.verb)),
            dump(body)};
  }
  body["units"] = act.units;
  return {"POST", fmt::format("/v1/units/{}", to_string(act.verb)), dump(body)};
}

EncodedRequest encode(const LoadUnit& load) {
  return {"POST", "/v1/units/load",
          dump(Json{{"api", kVersion}, {"name", load.name}, {"text", load.text}})};
}

EncodedRequest encode(const ReexecDaemon&) {
  return {"POST", "/v1/daemon/reexec", ""};
}

}  // namespace

EncodedRequest encode_request(const Request& request) {
  return std::visit([](const auto& alternative) { return encode(alternative); }, request);
}

}  // namespace nines::api
