#include "daemon/routes.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "api/codec.h"
#include "api/openapi_document.h"

namespace nines::daemon {
namespace {

using ReplyTo = std::function<void(Reply)>;

// Of the newest events, how many may be in the ledger and yet on their way to those who follow.
constexpr std::size_t kMaxOnTheirWay = 512;

template <typename T>
Reply reply_of(const Result<T>& result) {
  if (!result) return error_reply(result.error());
  return Reply{200, api::encode(*result), {}};
}

void answer_one(Backend&, const api::GetOpenApi&, const ReplyTo& reply) {
  reply(Reply{200, std::string(api::openapi_document()), {}});
}

void answer_one(Backend& backend, const api::GetStatus&, const ReplyTo& reply) {
  reply(Reply{200, api::encode(backend.status()), {}});
}

void answer_one(Backend& backend, const api::ListUnits&, const ReplyTo& reply) {
  reply(Reply{200, api::encode(backend.units()), {}});
}

void answer_one(Backend& backend, const api::GetUnit& get, const ReplyTo& reply) {
  reply(reply_of(backend.unit(get.name)));
}

void answer_one(Backend& backend, const api::GetLogs& get, const ReplyTo& reply) {
  reply(reply_of(backend.logs(get.name, get.lines)));
}

/// Events carry whole names; a user may have left the suffix out.
api::EventFilter with_full_name(Backend& backend, api::EventFilter filter) {
  if (filter.unit.empty()) return filter;
  if (auto unit = backend.unit(filter.unit)) filter.unit = std::move(unit->name);
  return filter;
}

void answer_one(Backend& backend, const api::GetEvents& get, const ReplyTo& reply) {
  reply(reply_of(backend.events(with_full_name(backend, get.filter))));
}

void answer_one(Backend& backend, const api::GetWhy& get, const ReplyTo& reply) {
  backend.why(get, [reply](const Result<ledger::WhyReport>& report) { reply(reply_of(report)); });
}

void answer_one(Backend& backend, const api::GetStory& get, const ReplyTo& reply) {
  backend.story(get.event,
                [reply](const Result<ledger::EventStory>& story) { reply(reply_of(story)); });
}

void answer_one(Backend& backend, const api::ActOnUnits& act, const ReplyTo& reply) {
  backend.act(act.verb, act.units, act.options,
              [single = act.single, reply](std::vector<api::UnitResult> results) {
                if (!single || results.empty()) return reply(Reply{200, api::encode(results), {}});
                const api::UnitResult& only = results.front();
                if (!only.error) return reply(Reply{200, api::encode(only), {}});
                reply(Reply{api::http_status(only.error->code), api::encode(*only.error), {}});
              });
}

void answer_one(Backend& backend, const api::LoadUnit& load, const ReplyTo& reply) {
  auto warnings = backend.load(load.name, load.text);
  if (!warnings) return reply(error_reply(warnings.error()));
  reply(
      Reply{200, api::encode(api::UnitResult{load.name, {}, "loaded", std::move(*warnings)}), {}});
}

void answer_one(Backend& backend, const api::ReexecDaemon&, const ReplyTo& reply) {
  auto go = backend.prepare_reexec();
  if (!go) return reply(error_reply(go.error()));
  reply(Reply{202, api::encode_ok(), std::move(*go)});
}

StreamItem item_of(const ledger::Event& event) {
  return StreamItem{event.id, "event", api::encode(event)};
}
StreamItem item_of(const api::LogLine& line) {
  return StreamItem{{}, "log", api::encode(line)};
}

Result<StreamSource> open_events(Backend& backend, const api::GetEvents& get,
                                 std::function<void(StreamItem)> on_item) {
  const api::EventFilter filter = with_full_name(backend, get.filter);
  StreamSource source;
  // An event may be in the ledger, and so in the history, before it is told.
  const auto told = std::make_shared<std::set<std::string>>();
  source.subscription = backend.subscribe_events(
      [unit = filter.unit, told, on_item = std::move(on_item)](const ledger::Event& event) {
        if (!unit.empty() && event.subject != unit) return;
        if (told->erase(event.id) == 0) on_item(item_of(event));
      });
  NINES_ASSIGN(const auto events, backend.events(filter));
  const std::size_t old = events.size() - std::min(events.size(), kMaxOnTheirWay);
  for (std::size_t i = 0; i < events.size(); ++i) {
    source.history.push_back(item_of(events[i]));
    if (i >= old) told->insert(events[i].id);
  }
  return source;
}

Result<StreamSource> open_logs(Backend& backend, const api::GetLogs& get,
                               std::function<void(StreamItem)> on_item) {
  StreamSource source;
  NINES_ASSIGN(
      source.subscription,
      backend.subscribe_logs(get.name, [on_item = std::move(on_item)](const api::LogLine& line) {
        on_item(item_of(line));
      }));
  NINES_ASSIGN(const auto lines, backend.logs(get.name, get.lines));
  for (const auto& line : lines) source.history.push_back(item_of(line));
  return source;
}

}  // namespace

Reply error_reply(const Error& error) {
  return Reply{api::http_status(error.code()), api::encode(api::ErrorBody::from(error)), {}};
}

void answer(Backend& backend, const api::Request& request, ReplyTo reply) {
  std::visit([&](const auto& alternative) { answer_one(backend, alternative, reply); }, request);
}

bool wants_stream(const api::Request& request) {
  if (const auto* logs = std::get_if<api::GetLogs>(&request)) return logs->follow;
  if (const auto* events = std::get_if<api::GetEvents>(&request)) return events->follow;
  return false;
}

Result<StreamSource> open_stream(Backend& backend, const api::Request& request,
                                 std::function<void(StreamItem)> on_item) {
  if (const auto* logs = std::get_if<api::GetLogs>(&request)) {
    return open_logs(backend, *logs, std::move(on_item));
  }
  if (const auto* events = std::get_if<api::GetEvents>(&request)) {
    return open_events(backend, *events, std::move(on_item));
  }
  return Error(ErrorCode::kInternal, "open stream").with_detail("not a stream");
}

}  // namespace nines::daemon
