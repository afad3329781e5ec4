// Store: retention.
#include "ledger/store.h"

namespace nines::ledger {
namespace {

// A table of this connection alone, in memory. The newest event stays, since numbering goes on
// from it; so do those by which an interval can still be explained: what began it, which signal it
// was, whether it was foretold, why it did not end. Of those there are few.
constexpr const char* kChoose =
    "INSERT INTO temp.old_events SELECT e.seq, e.time_ns FROM events e JOIN names k ON k.id = "
    "e.kind WHERE e.time_ns < ?1 AND e.time_ns >= ?2 AND e.seq < (SELECT max(seq) FROM events) AND "
    "k.text NOT IN ('unit.rejuvenated', 'unit.dumped', 'unit.gave-up', 'unit.stays-down') AND "
    "NOT (e.severity > 0 AND k.text GLOB 'predict.*') AND NOT EXISTS (SELECT 1 FROM intervals i "
    "WHERE i.cause_event = e.id) ORDER BY e.time_ns LIMIT ?3";

// A day is floor(time / day), also before 1970, where a host without a clock may think it is.
constexpr const char* kCount =
    "INSERT INTO event_days SELECT (e.time_ns - ((e.time_ns % 86400000000000) + 86400000000000) % "
    "86400000000000) / 86400000000000, e.kind, coalesce(e.subject, 0), e.severity, count(*) FROM "
    "events e WHERE e.seq IN (SELECT seq FROM temp.old_events) GROUP BY 1, 2, 3, 4 "
    "ON CONFLICT DO UPDATE SET count = count + excluded.count";

constexpr const char* kDrop = "DELETE FROM events WHERE seq IN (SELECT seq FROM temp.old_events)";

}  // namespace

Result<std::size_t> Store::roll_up(UtcTime before, std::size_t most) {
  Database& database = inner_->database;
  NINES_TRY(
      database.execute("CREATE TEMP TABLE IF NOT EXISTS old_events (seq INTEGER PRIMARY KEY, "
                       "time_ns INTEGER NOT NULL); DELETE FROM temp.old_events"));
  NINES_ASSIGN(Transaction transaction, Transaction::begin(&database));
  NINES_ASSIGN(Statement choose, database.prepare(kChoose));
  NINES_TRY(choose.execute(before.ns, inner_->rolled_up_to, static_cast<std::int64_t>(most)));
  NINES_ASSIGN(const std::int64_t chosen, database.value("SELECT count(*) FROM temp.old_events"));
  if (chosen == 0) {
    inner_->rolled_up_to = before.ns;
    NINES_TRY(transaction.commit());
    return 0;
  }
  NINES_ASSIGN(const std::int64_t last, database.value("SELECT max(time_ns) FROM temp.old_events"));
  NINES_TRY(database.execute(kCount));
  NINES_TRY(database.execute(kDrop));
  NINES_TRY(transaction.commit());
  // What is older has been looked at, and stays. (Records that come late, from an old spool, wait
  // for the next start.)
  inner_->rolled_up_to = last;
  return static_cast<std::size_t>(chosen);
}

}  // namespace nines::ledger
