#include "ledger/own_events.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace nines::ledger {
namespace {

using nlohmann::json;

Event own_event(std::string_view kind, Severity severity, const json& detail) {
  Event event;
  event.id = new_id();
  event.time = utc_now();
  event.since_boot = boot_now();
  event.kind = kind;
  event.severity = severity;
  // Paths and messages may hold any byte.
  event.detail_json = detail.dump(-1, ' ', false, json::error_handler_t::replace);
  return event;
}

}  // namespace

Event degraded_event(const Error& why) {
  return own_event("ledger.degraded", Severity::kWarning,
                   {{"code", to_string(why.code())}, {"why", why.message()}});
}

Event recovered_event(Nanoseconds degraded_for) {
  return own_event("ledger.recovered", Severity::kInfo,
                   {{"degraded_ms", degraded_for.count() / 1'000'000}});
}

Event quarantined_event(const Error& why, const std::string& moved_to) {
  return own_event("ledger.quarantined", Severity::kError,
                   {{"why", why.message()}, {"moved_to", moved_to}});
}

Event dropped_event(const DropCounts& drops) {
  return own_event("ledger.dropped", Severity::kError,
                   {{"info_events", drops.info_events},
                    {"notable_events", drops.notable_events},
                    {"intervals", drops.intervals}});
}

Event refused_event(const CommittedBatch& batch) {
  return own_event("ledger.refused", Severity::kWarning,
                   {{"records", batch.refused}, {"why", batch.refused_why}});
}

}  // namespace nines::ledger
