#include "ledger/references.h"

#include "ledger/event.h"
#include "ledger/host_row.h"
#include "ledger/schema.h"

namespace nines::ledger {
namespace {

// A number beyond is damage: a boot takes more than a millisecond.
#define NINES_BOOT_NUMBERS "BETWEEN 1 AND 1000000000"

constexpr const char* kUntellable[] = {
    "DELETE FROM events WHERE kind NOT IN (SELECT id FROM names) OR boot NOT " NINES_BOOT_NUMBERS,
    "DELETE FROM boots WHERE id NOT " NINES_BOOT_NUMBERS,
    "DELETE FROM units WHERE unit NOT IN (SELECT id FROM names)",
    "DELETE FROM event_days WHERE kind NOT IN (SELECT id FROM names) OR (subject <> 0 AND subject "
    "NOT IN (SELECT id FROM names))",
};

constexpr const char* kMergedOn =
    // One that has gone into another since.
    "UPDATE OR IGNORE merged_intervals AS m SET into_id = (SELECT o.into_id FROM merged_intervals "
    "o "
    "WHERE o.id = m.into_id) WHERE into_id NOT IN (SELECT id FROM intervals) AND into_id IN "
    "(SELECT id FROM merged_intervals);";

constexpr const char* kLeadNowhere[] = {
    "DELETE FROM heartbeats WHERE boot NOT IN (SELECT id FROM boots)",
    "DELETE FROM merged_intervals WHERE into_id NOT IN (SELECT id FROM intervals)",
};

constexpr const char* kBootlessRecords =
    "SELECT boot, time_ns AS at FROM events WHERE boot NOT IN (SELECT id FROM boots) UNION ALL "
    "SELECT boot, start_ns FROM intervals WHERE boot NOT IN (SELECT id FROM boots)";

Status make_boots_up(Database* database, const HostIdentity& host) {
  NINES_ASSIGN(const std::int64_t hostless,
               database->value("SELECT count(*) FROM boots WHERE host NOT IN (SELECT id FROM "
                               "hosts)"));
  NINES_ASSIGN(const std::int64_t bootless,
               database->value("SELECT EXISTS (" + std::string(kBootlessRecords) + ")"));
  if (hostless == 0 && bootless == 0) return {};
  NINES_ASSIGN(const std::int64_t own, host_row(database, host, HostName::kNewer));
  NINES_ASSIGN(
      Statement adopt,
      database->prepare("UPDATE boots SET host = ? WHERE host NOT IN (SELECT id FROM hosts)"));
  NINES_TRY(adopt.execute(own));
  if (bootless == 0) return {};
  NINES_ASSIGN(const std::int64_t newest,
               database->value("SELECT coalesce(max(id), 0) FROM boots"));
  NINES_ASSIGN(Statement make_up,
               database->prepare("INSERT INTO boots (id, host, boot_id, first_seen_ns, "
                                 "outage_noted) SELECT boot, ?1, 'lost-' || boot || '-' || ?2, "
                                 "min(at), ?3 FROM (" +
                                 std::string(kBootlessRecords) + ") GROUP BY boot"));
  NINES_TRY(make_up.execute(own, new_id(), kImported));
  NINES_ASSIGN(const std::int64_t newest_now, database->value("SELECT max(id) FROM boots"));
  if (newest_now == newest) return {};
  // The last boot is lost, perhaps this very one. An outage measured from the one before would be
  // of all that time.
  NINES_ASSIGN(Statement noted,
               database->prepare("INSERT OR IGNORE INTO boots (host, boot_id, first_seen_ns, "
                                 "outage_noted) VALUES (?, ?, ?, 1)"));
  return noted.execute(own, host.boot_id, utc_now().ns);
}

Result<std::size_t> remove(Database* database, const char* sql) {
  NINES_TRY(database->execute(sql));
  return static_cast<std::size_t>(database->changes());
}

}  // namespace

Result<std::size_t> drop_nameless(Database* database) {
  std::size_t gone = 0;
  for (const char* sql : kUntellable) {
    NINES_ASSIGN(const std::size_t rows, remove(database, sql));
    gone += rows;
  }
  NINES_TRY(database->execute(
      "UPDATE events SET subject = NULL WHERE subject NOT IN (SELECT id FROM names)"));
  return gone;
}

Result<std::size_t> make_references_whole(Database* database, const HostIdentity& host) {
  NINES_ASSIGN(std::size_t gone,
               remove(database, "DELETE FROM intervals WHERE boot NOT " NINES_BOOT_NUMBERS));
  NINES_TRY(database->execute(kMergedOn));
  NINES_TRY(make_boots_up(database, host));
  for (const char* sql : kLeadNowhere) {
    NINES_ASSIGN(const std::size_t rows, remove(database, sql));
    gone += rows;
  }
  NINES_TRY(
      database->execute("UPDATE units SET ready_boot = NULL, ready_since_boot_ns = NULL WHERE "
                        "ready_boot NOT IN (SELECT id FROM boots)"));
  return gone;
}

}  // namespace nines::ledger
