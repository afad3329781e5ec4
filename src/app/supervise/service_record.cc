// Service: what the ledger hears.

#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"

namespace nines::supervise {

std::string Service::emit(std::string kind, ledger::Severity severity, std::string detail_json,
                          std::string caused_by) {
  std::string id = ledger::new_id();
  emit_with_id(id, std::move(kind), severity, std::move(detail_json), std::move(caused_by));
  return id;
}

std::string Service::emit_once(std::string kind, ledger::Severity severity, std::string detail_json,
                               std::string caused_by) {
  std::string id = state_.invocation_id.str() + "-" + kind;
  emit_with_id(id, std::move(kind), severity, std::move(detail_json), std::move(caused_by));
  return id;
}

void Service::emit_with_id(std::string id, std::string kind, ledger::Severity severity,
                           std::string detail_json, std::string caused_by) {
  ledger::Event event;
  event.id = std::move(id);
  event.time = utc_now();
  event.since_boot = boot_now();
  event.cell = state_.downtime && state_.downtime->planned ? ledger::Cell::kAppPlanned
                                                           : ledger::Cell::kAppUnplanned;
  event.kind = std::move(kind);
  event.subject = unit_->name;
  event.severity = severity;
  event.detail_json = std::move(detail_json);
  event.caused_by = std::move(caused_by);
  context_.events.emit(std::move(event));
}

void Service::open_downtime(BootTime start, bool planned, const std::string& cause_event) {
  // What only runs once is not a server: its end is no downtime.
  if (spec().service.type == unit::ServiceType::kOneshot || state_.downtime) return;
  ledger::DowntimeInterval interval;
  interval.id = state_.invocation_id.str() + "-down";
  // A second one of the same instance: it was unhealthy, or replaced with a gap, and came back.
  if (state_.downtimes > 0) interval.id += "-" + std::to_string(state_.downtimes);
  interval.unit = unit_->name;
  interval.start_since_boot = start;
  // UTC of a moment that was seen a little earlier, on the monotonic clock.
  interval.start = UtcTime{utc_now().ns - (boot_now() - start).count()};
  interval.cause_event = cause_event;
  interval.planned = planned;
  interval.cell = planned ? ledger::Cell::kAppPlanned : ledger::Cell::kAppUnplanned;
  state_.downtime = interval;
  context_.events.downtime(interval);
}

void Service::close_downtime() {
  if (!state_.downtime) return save();
  ledger::DowntimeInterval& interval = *state_.downtime;
  interval.closed = true;
  ++state_.downtimes;
  interval.duration = state_.active_since_boot - interval.start_since_boot;
  interval.end = UtcTime{interval.start.ns + interval.duration.count()};
  // First into the state file, which keeps it until the next save: killed here, our successor says
  // it. The other way round it would find the unit down still, and take its next downtime for this
  // one.
  save();
  context_.events.downtime(interval);
  state_.downtime.reset();
}

}  // namespace nines::supervise
