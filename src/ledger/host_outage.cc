#include "ledger/host_outage.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "ledger/cause.h"
#include "ledger/packed_id.h"
#include "ledger/schema.h"

namespace nines::ledger {
namespace {

/// A unit at the end of the earlier boot.
struct UnitThen {
  std::string name;
  std::optional<DowntimeInterval> open;  ///< of that boot
  bool gave_up = false;
  bool by_request = false;  ///< down because somebody had asked for it
};

struct EarlierBoot {
  std::int64_t row = 0;
  std::string id;
};

Result<std::optional<EarlierBoot>> earlier_boot(Database* database, std::int64_t row) {
  NINES_ASSIGN(Statement find,
               database->prepare("SELECT id, boot_id FROM boots WHERE id < ?1 AND host = (SELECT "
                                 "host FROM boots WHERE id = ?1) AND outage_noted <> ?2 "
                                 "ORDER BY id DESC LIMIT 1"));
  NINES_ASSIGN(auto rows, find.query(row, kImported));
  NINES_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<EarlierBoot>();
  return std::optional<EarlierBoot>({rows.int64(0), rows.bytes(1)});
}

/// The newest event of a boot among the last ones: it is the last that arrived before this boot.
Result<std::optional<LastSign>> newest_event(Database* database, std::int64_t boot) {
  NINES_ASSIGN(Statement find,
               database->prepare("SELECT time_ns, since_boot_ns FROM events WHERE "
                                 "boot = ? AND seq > (SELECT max(seq) FROM events) - 100000 "
                                 "ORDER BY seq DESC LIMIT 1"));
  NINES_ASSIGN(auto rows, find.query(boot));
  NINES_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<LastSign>();
  return std::optional<LastSign>({UtcTime{rows.int64(0)}, BootTime{rows.int64(1)}, false});
}

Result<std::optional<LastSign>> heartbeat_of(Database* database, std::int64_t boot) {
  NINES_ASSIGN(Statement find,
               database->prepare("SELECT time_ns, since_boot_ns FROM heartbeats WHERE boot = ?"));
  NINES_ASSIGN(auto rows, find.query(boot));
  NINES_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<LastSign>();
  return std::optional<LastSign>({UtcTime{rows.int64(0)}, BootTime{rows.int64(1)}, false});
}

/// The id of the event with which the daemon said that it ends, if it was its last word about
/// itself in that boot.
Result<std::string> farewell(Database* database, std::int64_t boot) {
  NINES_ASSIGN(
      Statement find,
      database->prepare(
          "SELECT e.id, k.text FROM names k JOIN events e ON e.kind = k.id WHERE k.text IN "
          "(?1, ?2) AND e.boot = ?3 ORDER BY e.seq DESC LIMIT 1"));
  NINES_ASSIGN(auto rows, find.query(kDaemonStoppingKind, kDaemonStartedKind, boot));
  NINES_ASSIGN(const bool found, rows.next());
  if (!found || rows.bytes(1) != kDaemonStoppingKind) return std::string();
  return id_column(rows, 0);
}

/// Units that were ready in that boot, with what is open of them.
Result<std::vector<UnitThen>> units_of(Database* database, std::int64_t boot) {
  NINES_ASSIGN(
      Statement find,
      database->prepare(
          "SELECT n.text, i.id, i.start_ns, i.start_since_boot_ns, i.planned, c.text, "
          "EXISTS (SELECT 1 FROM events e WHERE e.subject = u.unit AND e.time_ns >= i.start_ns AND "
          "e.boot = u.ready_boot AND e.kind IN (SELECT id FROM names WHERE text IN "
          "('unit.gave-up', 'unit.stays-down'))) "
          "FROM units u JOIN names n ON n.id = u.unit "
          "LEFT JOIN intervals i ON i.unit = u.unit AND i.duration_ns IS NULL "
          "LEFT JOIN names c ON c.id = i.cause WHERE u.ready_boot = ?1 "
          "AND (i.boot IS NULL OR i.boot = ?1) ORDER BY n.text"));
  NINES_ASSIGN(auto rows, find.query(boot));
  std::vector<UnitThen> units;
  for (;;) {
    NINES_ASSIGN(const bool more, rows.next());
    if (!more) return units;
    UnitThen& unit = units.emplace_back();
    unit.name = rows.bytes(0);
    if (rows.is_null(2)) continue;
    DowntimeInterval& open = unit.open.emplace();
    open.id = id_column(rows, 1);
    open.unit = unit.name;
    open.start = UtcTime{rows.int64(2)};
    open.start_since_boot = BootTime{rows.int64(3)};
    // Who stopped it: an operator, or the daemon that was being shut down?
    const CauseClass cause = cause_from(rows.bytes(5)).kind;
    unit.by_request = rows.int64(4) != 0 && cause != CauseClass::kShutdown;
    unit.gave_up = rows.int64(6) != 0;
  }
}

Status insert_event(Database* database, Names* names, const Event& event, std::int64_t boot) {
  NINES_ASSIGN(const std::int64_t kind, names->intern(event.kind));
  NINES_ASSIGN(
      Statement insert,
      database->prepare("INSERT INTO events (id, time_ns, since_boot_ns, boot, cell, kind, "
                        "severity, detail, caused_by) VALUES (?,?,?,?,?,?,?,?,?)"));
  return insert.execute(pack_id(event.id), event.time.ns, event.since_boot.ns, boot,
                        static_cast<int>(event.cell), kind, static_cast<int>(event.severity),
                        event.detail_json, pack_id(event.caused_by));
}

Event outage_event(const EarlierBoot& earlier, const LastSign& last, const Outage& outage,
                   const NewBoot& boot, const std::string& goodbye) {
  Event event;
  event.id = new_id();
  event.time = boot.now;
  event.since_boot = boot.since_boot;
  event.cell = last.in_order ? Cell::kOsPlanned : Cell::kOsUnplanned;
  event.kind = kOutageKind;
  event.severity = last.in_order ? Severity::kInfo : Severity::kError;
  nlohmann::json detail = {{"planned", last.in_order},
                           {"from", to_iso8601(outage.start)},
                           {"down_ms", outage.duration.count() / 1'000'000},
                           {"earlier_boot", earlier.id}};
  if (outage.clock_set_back) detail["clock"] = "set back: at least this long";
  event.detail_json = detail.dump();
  event.caused_by = goodbye;
  return event;
}

DowntimeInterval interval_of(const Event& event, const LastSign& last, std::string unit) {
  DowntimeInterval interval;
  interval.id = new_id();
  interval.unit = std::move(unit);
  interval.start = last.time;
  interval.start_since_boot = last.since_boot;
  interval.cause_event = event.id;
  interval.planned = last.in_order;
  interval.cell = event.cell;
  return interval;
}

/// Ends what was open at the last sign of life.
Status split(IntervalTable* intervals, std::int64_t boot, DowntimeInterval open,
             const LastSign& last) {
  open.closed = true;
  open.duration = std::max(last.since_boot - open.start_since_boot, Nanoseconds(0));
  open.end = UtcTime{open.start.ns + open.duration.count()};
  NINES_TRY(intervals->upsert(open, boot));
  return {};
}

}  // namespace

Status mark_outage_noted(Database* database, std::int64_t boot) {
  NINES_ASSIGN(Statement mark, database->prepare("UPDATE boots SET outage_noted = 1 WHERE id = ?"));
  return mark.execute(boot);
}

Outage outage_between(const LastSign& last, UtcTime now, BootTime since_boot) {
  Outage outage;
  outage.start = last.time;
  const std::int64_t boot_began = now.ns - since_boot.ns;
  outage.clock_set_back = boot_began < last.time.ns;
  const std::int64_t duration = outage.clock_set_back ? since_boot.ns : boot_began - last.time.ns;
  // Longer than any: a boot without a clock, in 1970.
  outage.duration = Nanoseconds(std::clamp<std::int64_t>(duration, 0, kMaxDuration));
  return outage;
}

Result<bool> record_host_outage(Database* database, Names* names, IntervalTable* intervals,
                                const NewBoot& boot) {
  NINES_ASSIGN(Statement noted, database->prepare("SELECT outage_noted FROM boots WHERE id = ?"));
  {
    NINES_ASSIGN(auto rows, noted.query(boot.row));
    NINES_ASSIGN(const bool found, rows.next());
    if (found && rows.int64(0) != 0) return false;
  }
  NINES_TRY(mark_outage_noted(database, boot.row));
  NINES_ASSIGN(const auto earlier, earlier_boot(database, boot.row));
  if (!earlier) return false;
  NINES_ASSIGN(auto last, heartbeat_of(database, earlier->row));
  NINES_ASSIGN(const auto newest, newest_event(database, earlier->row));
  if (newest && (!last || newest->since_boot > last->since_boot)) last = newest;
  if (!last) return false;  // nothing was ever seen of that boot
  NINES_ASSIGN(const std::string goodbye, farewell(database, earlier->row));
  last->in_order = !goodbye.empty();

  const Outage outage = outage_between(*last, boot.now, boot.since_boot);
  const Event event = outage_event(*earlier, *last, outage, boot, goodbye);
  NINES_TRY(insert_event(database, names, event, boot.row));

  DowntimeInterval host = interval_of(event, *last, std::string(kHostUnit));
  host.closed = true;
  host.duration = outage.duration;
  host.end = UtcTime{host.start.ns + host.duration.count()};
  NINES_TRY(intervals->upsert(host, earlier->row));

  NINES_ASSIGN(const auto units, units_of(database, earlier->row));
  for (const UnitThen& unit : units) {
    if (unit.open && (unit.by_request || unit.gave_up)) continue;
    if (unit.open) NINES_TRY(split(intervals, earlier->row, *unit.open, *last));
    NINES_TRY(intervals->upsert(interval_of(event, *last, unit.name), earlier->row));
  }
  return true;
}

}  // namespace nines::ledger
