// Shared by the files of Reader: the columns of events and intervals, and how they are read.
#pragma once

#include <string>
#include <vector>

#include "ledger/packed_id.h"
#include "ledger/sqlite.h"
#include "ledger/why.h"

namespace nines::ledger {

inline constexpr const char* kEventColumns =
    "SELECT e.seq, e.id, e.time_ns, e.since_boot_ns, e.cell, k.text, coalesce(s.text, ''), "
    "e.severity, coalesce(e.detail, '{}'), e.caused_by, b.boot_id, h.name FROM events e "
    "JOIN names k ON k.id = e.kind LEFT JOIN names s ON s.id = e.subject "
    "JOIN boots b ON b.id = e.boot JOIN hosts h ON h.id = b.host ";

inline constexpr const char* kIntervalColumns =
    "SELECT i.id, u.text, i.start_ns, i.start_since_boot_ns, i.duration_ns, i.cause_event, "
    "i.planned, i.cell, coalesce(i.note, ''), b.boot_id FROM intervals i "
    "JOIN names u ON u.id = i.unit JOIN boots b ON b.id = i.boot ";

inline StoredEvent read_event(const Statement::Rows& rows) {
  StoredEvent stored;
  stored.seq = rows.int64(0);
  stored.event.id = id_column(rows, 1);
  stored.event.time = UtcTime{rows.int64(2)};
  stored.event.since_boot = BootTime{rows.int64(3)};
  stored.event.cell = static_cast<Cell>(rows.int64(4));
  stored.event.kind = rows.bytes(5);
  stored.event.subject = rows.bytes(6);
  stored.event.severity = static_cast<Severity>(rows.int64(7));
  stored.event.detail_json = rows.bytes(8);
  stored.event.caused_by = id_column(rows, 9);
  stored.boot_id = rows.bytes(10);
  stored.host = rows.bytes(11);
  return stored;
}

inline StoredInterval read_interval(const Statement::Rows& rows) {
  StoredInterval stored;
  DowntimeInterval& interval = stored.interval;
  interval.id = id_column(rows, 0);
  interval.unit = rows.bytes(1);
  interval.start = UtcTime{rows.int64(2)};
  interval.start_since_boot = BootTime{rows.int64(3)};
  interval.closed = !rows.is_null(4);
  interval.duration = Nanoseconds(rows.int64(4));
  interval.end = UtcTime{interval.closed ? interval.start.ns + interval.duration.count() : 0};
  interval.cause_event = id_column(rows, 5);
  interval.planned = rows.int64(6) != 0;
  interval.cell = static_cast<Cell>(rows.int64(7));
  stored.note = rows.bytes(8);
  stored.boot_id = rows.bytes(9);
  return stored;
}

template <typename T, typename Read, typename... Args>
Result<std::vector<T>> read_all(Database* database, const std::string& sql, Read read,
                                const Args&... args) {
  NINES_ASSIGN(Statement statement, database->prepare(sql));
  NINES_ASSIGN(auto rows, statement.query(args...));
  std::vector<T> all;
  for (;;) {
    NINES_ASSIGN(const bool more, rows.next());
    if (!more) return all;
    all.push_back(read(rows));
  }
}

}  // namespace nines::ledger
