// What a client asks for: from method, target and body to a typed Request, and back to a target.
//
//   GET  /v1/openapi.json                                openapi_document()
//   GET  /v1/status                                      DaemonStatus
//   GET  /v1/units                                       {"units":[UnitStatus...]}
//   GET  /v1/units/NAME                                  UnitStatus
//   GET  /v1/units/NAME/logs?lines=N&follow=1            {"lines":[LogLine...]} or a stream
//   GET  /v1/events?unit=&since=&limit=&after=&follow=1  {"events":[...]} or a stream
//   GET  /v1/why?unit=&since=                            WhyReport
//   GET  /v1/why?event=ID                                EventStory
//   POST /v1/units/NAME/VERB   {"no_block":false}        UnitResult
//   POST /v1/units/VERB        {"units":[..],"no_block"} {"results":[UnitResult...]}
//   POST /v1/units/load        {"name":..,"text":..}     UnitResult
//   POST /v1/daemon/reexec                               {"ok":true}
//
// VERB is start, stop, restart, reload, keep, unkeep, reset-failed or rejuvenate. A follow=1 stream
// is server-sent events: history first, then what happens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/limits.h"
#include "api/types.h"
#include "base/clock.h"
#include "base/result.h"

namespace nines::api {

enum class Verb : std::uint8_t {
  kStart,
  kStop,
  kRestart,
  kReload,
  kKeep,
  kUnkeep,
  kResetFailed,
  kRejuvenate
};
std::string_view to_string(Verb verb);
std::optional<Verb> verb_from(std::string_view text);

struct ActOptions {
  bool no_block = false;  ///< answer when it is queued, not when it is done
};

/// Which events; the newest `limit` of those that match, oldest first.
struct EventFilter {
  std::string unit;  ///< empty: all
  std::optional<UtcTime> since;
  std::size_t limit = kDefaultEvents;
  /// Id of the last event that was seen: all that came after it, whatever `limit` says. A stream's
  /// Last-Event-ID: field stands for it.
  std::string after;
};

struct GetOpenApi {};
struct GetStatus {};
struct ListUnits {};
struct GetUnit {
  std::string name;
};
struct GetLogs {
  std::string name;
  std::size_t lines = kDefaultLogLines;
  bool follow = false;
};
struct GetEvents {
  EventFilter filter;
  bool follow = false;
};
/// Why what was down was down, over a window that ends now.
struct GetWhy {
  std::string unit;              ///< or "host"; empty: all
  std::optional<UtcTime> since;  ///< empty: kDefaultWhyWindow ago
};
/// One event with its causes and what came of it.
struct GetStory {
  std::string event;  ///< id
};
struct ActOnUnits {
  Verb verb = Verb::kStart;
  std::vector<std::string> units;
  ActOptions options;
  bool single = false;  ///< the unit was in the path: its failure is the reply's failure
};
struct LoadUnit {
  std::string name;
  std::string text;
};
struct ReexecDaemon {};

using Request = std::variant<GetOpenApi, GetStatus, ListUnits, GetUnit, GetLogs, GetEvents, GetWhy,
                             GetStory, ActOnUnits, LoadUnit, ReexecDaemon>;

/// One of the routes that decode_request knows.
struct Route {
  std::string_view method;
  std::string_view path;  ///< "/v1/units/{name}/logs", as OpenAPI writes it
};
const std::vector<Route>& routes();

/// @return "GET", "GET, POST": what the target's path can be asked with; empty: no such path.
/// @source RFC 9110, section 10.2.1 (the field Allow)
std::string allowed_methods(std::string_view target);

/// @return whether it alters something: those need more than the right to read.
bool alters(const Request& request);

/// @errors kInvalidArgument: empty, too long, or with other bytes than ids are made of.
Status check_event_id(std::string_view id);

/// Decodes strictly: what is not understood is refused, never ignored.
/// @param method  "GET", "POST".
/// @param target  path and query as on the request line.
/// @errors kNotFound: no such route. kUnsupported: the route has another method.
///         kInvalidArgument: a name, parameter or body that is not as written above.
Result<Request> decode_request(std::string_view method, std::string_view target,
                               std::string_view body);

/// The three parts that decode_request takes.
struct EncodedRequest {
  std::string method;
  std::string target;
  std::string body;
};
EncodedRequest encode_request(const Request& request);

}  // namespace nines::api
