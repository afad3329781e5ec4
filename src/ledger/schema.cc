#include "ledger/schema.h"

#include <fmt/format.h>

#include <array>

namespace nines::ledger {
namespace {

// PRAGMA application_id: "nine" in ASCII. @source https://www.sqlite.org/fileformat2.html 1.3.17
constexpr std::int64_t kApplicationId = 0x6e696e65;

// Ten million events must stay cheap, hence: kinds, subjects and units are interned; an id of 32
// hexadecimal digits is stored as 16 bytes; the empty detail "{}" and the empty cause are NULL.
// Ids begin with the time (see new_id), so that their index grows at its end.
// Enumerations are stored as their numbers, which are therefore never reused.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE names (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE hosts (
  id      INTEGER PRIMARY KEY,
  machine TEXT NOT NULL UNIQUE,   -- machine-id: survives a change of the name
  name    TEXT NOT NULL
) STRICT;

CREATE TABLE boots (
  id            INTEGER PRIMARY KEY,
  host          INTEGER NOT NULL REFERENCES hosts (id),
  boot_id       TEXT NOT NULL UNIQUE,
  first_seen_ns INTEGER NOT NULL  -- UTC of our first record in it
) STRICT;

-- The last sign of life in each boot; a host outage is counted from here.
CREATE TABLE heartbeats (
  boot          INTEGER PRIMARY KEY REFERENCES boots (id),
  time_ns       INTEGER NOT NULL,
  since_boot_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
  seq           INTEGER PRIMARY KEY,  -- order of arrival; followers go on after it
  id            ANY NOT NULL UNIQUE,
  time_ns       INTEGER NOT NULL,
  since_boot_ns INTEGER NOT NULL,
  boot          INTEGER NOT NULL REFERENCES boots (id),
  cell          INTEGER NOT NULL CHECK (cell BETWEEN 0 AND 8),
  kind          INTEGER NOT NULL REFERENCES names (id),
  subject       INTEGER REFERENCES names (id),  -- NULL: the host
  severity      INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 2),
  detail        TEXT,
  caused_by     ANY
) STRICT;
CREATE INDEX events_by_time ON events (time_ns);
CREATE INDEX events_by_subject ON events (subject, time_ns);
CREATE INDEX events_by_kind ON events (kind, time_ns);

CREATE TABLE intervals (
  seq                 INTEGER PRIMARY KEY,
  id                  ANY NOT NULL UNIQUE,
  unit                INTEGER NOT NULL REFERENCES names (id),
  boot                INTEGER NOT NULL REFERENCES boots (id),  -- in which it began
  start_ns            INTEGER NOT NULL,
  start_since_boot_ns INTEGER NOT NULL,
  duration_ns         INTEGER CHECK (duration_ns >= 0),  -- NULL: still open
  clipped_ns          INTEGER NOT NULL DEFAULT 0,  -- cut off the reported start
  cause_event         ANY,
  planned             INTEGER NOT NULL CHECK (planned IN (0, 1)),
  cell                INTEGER NOT NULL CHECK (cell BETWEEN 0 AND 8),
  note                TEXT  -- why it is not as it was reported
) STRICT;
CREATE INDEX intervals_by_start ON intervals (unit, start_ns);
CREATE INDEX intervals_by_boot ON intervals (unit, boot, start_since_boot_ns);
-- The database itself keeps a unit from being down twice at a time.
CREATE UNIQUE INDEX intervals_open ON intervals (unit) WHERE duration_ns IS NULL;

-- Reported intervals that have no row of their own, because another one tells of that time.
CREATE TABLE merged_intervals (
  id          ANY PRIMARY KEY,
  into_id     ANY NOT NULL,
  start_ns    INTEGER NOT NULL,
  duration_ns INTEGER,
  reason      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// `why` over a year of ten million events reads a few thousand rows, and not one event: the class
// of the cause is beside the interval (NULL: its event had not come yet; see cause.h), and when a
// unit was first and last ready is beside its name. Both also outlive the events they came from.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE intervals ADD COLUMN cause INTEGER REFERENCES names (id);
CREATE INDEX intervals_by_cause ON intervals (cause_event) WHERE cause_event IS NOT NULL;
CREATE INDEX events_by_cause ON events (caused_by) WHERE caused_by IS NOT NULL;

-- What served at least once, and the host itself.
CREATE TABLE units (
  unit                INTEGER PRIMARY KEY REFERENCES names (id),
  first_ns            INTEGER NOT NULL,            -- nothing is known of it before
  ready_boot          INTEGER REFERENCES boots (id),  -- in which it was ready last
  ready_since_boot_ns INTEGER
) STRICT;
INSERT INTO units
  SELECT e.subject, min(e.time_ns), NULL, NULL FROM events e
  WHERE e.kind = (SELECT id FROM names WHERE text = 'unit.ready') AND e.subject IS NOT NULL
  GROUP BY e.subject;
UPDATE units SET (ready_boot, ready_since_boot_ns) =
  (SELECT e.boot, e.since_boot_ns FROM events e
   WHERE e.kind = (SELECT id FROM names WHERE text = 'unit.ready') AND e.subject = units.unit
   ORDER BY e.seq DESC LIMIT 1);
INSERT INTO units
  SELECT i.unit, min(i.start_ns), NULL, NULL FROM intervals i WHERE true GROUP BY i.unit
  ON CONFLICT (unit) DO UPDATE SET first_ns = min(first_ns, excluded.first_ns);

-- 1: whether the host was away before this boot has been looked at.
ALTER TABLE boots ADD COLUMN outage_noted INTEGER NOT NULL DEFAULT 0;
UPDATE boots SET outage_noted = 1;

-- What retention leaves of the events of a day (of UTC, since the epoch).
CREATE TABLE event_days (
  day      INTEGER NOT NULL,
  kind     INTEGER NOT NULL REFERENCES names (id),
  subject  INTEGER NOT NULL,  -- of names; 0: the host
  severity INTEGER NOT NULL,
  count    INTEGER NOT NULL,
  PRIMARY KEY (day, kind, subject, severity)
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::array kMigrations = {
    Migration{"first schema", kVersion1},
    Migration{"causes, units, outages, daily counts", kVersion2},
};

Error foreign_database(const Database& database) {
  return Error(ErrorCode::kUnsupported, "open ledger", database.path())
      .with_detail("it is the SQLite database of another program")
      .with_hint("move that file away, or choose another state directory");
}

Error newer_database(const Database& database, std::int64_t found, std::size_t known) {
  return Error(ErrorCode::kUnsupported, "open ledger", database.path())
      .with_detail(
          fmt::format("a newer nines wrote it (schema {}, this one knows {})", found, known))
      .with_hint("run the newer nines, or move the file away to begin a new ledger");
}

Result<std::int64_t> count_tables(Database* database) {
  auto count = database->value("SELECT count(*) FROM sqlite_schema");
  if (count) return count;
  NINES_TRY(damage_if_internal(std::move(count.error())));
  return 0;
}

/// Refuses what is not ours. An empty database is about to become ours.
Result<std::int64_t> version_of(Database* database, std::size_t known) {
  NINES_ASSIGN(const std::int64_t tables, count_tables(database));
  NINES_ASSIGN(const std::int64_t application, database->value("PRAGMA application_id"));
  NINES_ASSIGN(const std::int64_t version, database->value("PRAGMA user_version"));
  if (application == 0 && version == 0 && tables == 0) return 0;
  if (application != kApplicationId) return foreign_database(*database);
  if (version < 0 || static_cast<std::size_t>(version) > known) {
    return newer_database(*database, version, known);
  }
  return version;
}

Status run_step(Database* database, const Migration& step, std::size_t number) {
  NINES_ASSIGN(Transaction transaction, Transaction::begin(database));
  // Looked up again now that we hold the lock: another process may have been here first.
  NINES_ASSIGN(const std::int64_t version, database->value("PRAGMA user_version"));
  if (static_cast<std::size_t>(version) + 1 != number) return transaction.commit();
  NINES_TRY(database->execute(step.sql));
  NINES_TRY(database->execute(fmt::format("PRAGMA application_id = {}", kApplicationId)));
  NINES_TRY(database->execute(fmt::format("PRAGMA user_version = {}", number)));
  return transaction.commit();
}

}  // namespace

Status damage_if_internal(Status status) {
  if (status || status.error().code() != ErrorCode::kInternal) return status;
  return Error(ErrorCode::kCorrupt, status.error().op(), status.error().subject())
      .with_detail(status.error().detail());
}

std::span<const Migration> migrations() {
  return kMigrations;
}

Status migrate(Database* database, std::span<const Migration> steps) {
  NINES_ASSIGN(std::int64_t version, version_of(database, steps.size()));
  while (static_cast<std::size_t>(version) < steps.size()) {
    const Migration& step = steps[static_cast<std::size_t>(version)];
    ++version;
    NINES_TRY(run_step(database, step, static_cast<std::size_t>(version))
                  .in(fmt::format("migrate ledger to schema {} ({})", version, step.name)));
  }
  return {};
}

Status check_version(Database* database) {
  const std::size_t known = migrations().size();
  NINES_ASSIGN(const std::int64_t version, version_of(database, known));
  if (static_cast<std::size_t>(version) == known) return {};
  return Error(ErrorCode::kUnsupported, "open ledger", database->path())
      .with_detail(fmt::format("schema {}, and this nines reads {}", version, known))
      .with_hint("start ninesd once: it brings the ledger up to date");
}

}  // namespace nines::ledger
