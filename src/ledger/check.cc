#include "ledger/check.h"

#include <fmt/format.h>

#include "ledger/reader_rows.h"
#include "ledger/schema.h"

namespace nines::ledger {
namespace {

using Findings = std::vector<Finding>;

/// Runs a query of which every row is a finding. What cannot be read is one.
Status look(Database* database, const char* rule, const std::string& sql, Findings* findings) {
  const auto found =
      read_all<std::string>(database, sql, [](const auto& rows) { return rows.bytes(0); });
  if (!found) {
    const ErrorCode code = found.error().code();
    if (code != ErrorCode::kCorrupt && code != ErrorCode::kInternal) return found.error();
    findings->push_back({rule, found.error().message()});
    return {};
  }
  for (const std::string& text : *found) {
    if (text != "ok" && findings->size() < kMaxFindings) findings->push_back({rule, text});
  }
  return {};
}

// Of closed ones: an open one finds its place when it closes; see IntervalTable.
constexpr const char* kOverlaps =
    "SELECT n.text || ': ' || hex(x.id) || ' begins before the one before it ends' FROM "
    "(SELECT unit, id, start_ns, lag(start_ns + duration_ns) OVER (PARTITION BY unit ORDER BY "
    "start_ns, duration_ns) AS free_ns FROM intervals WHERE duration_ns IS NOT NULL) x "
    "JOIN names n ON n.id = x.unit WHERE x.start_ns < x.free_ns LIMIT 100";

constexpr const char* kOpenTwice =
    "SELECT n.text || ': ' || count(*) || ' open at once' FROM intervals NOT INDEXED JOIN names n "
    "ON n.id = unit WHERE duration_ns IS NULL GROUP BY unit HAVING count(*) > 1";

constexpr const char* kMergedIntoNothing =
    "SELECT 'an interval was merged into ' || hex(into_id) || ', which is not there' FROM "
    "merged_intervals m WHERE NOT EXISTS (SELECT 1 FROM intervals i WHERE i.id = m.into_id) "
    "LIMIT 100";

}  // namespace

Result<std::vector<Finding>> check(const std::string& path) {
  NINES_ASSIGN(Database database, Database::open(path, OpenMode::kReadOnly));
  Findings findings;
  if (const Status version = check_version(&database); !version) {
    if (version.error().code() != ErrorCode::kCorrupt) return version.error();
    findings.push_back({"structure", version.error().message()});
    return findings;
  }
  NINES_TRY(look(&database, "structure", "PRAGMA integrity_check(100)", &findings));
  NINES_TRY(look(&database, "reference",
                 "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' names a row of ' || "
                 "parent || ' that is not there' FROM pragma_foreign_key_check LIMIT 100",
                 &findings));
  NINES_TRY(look(&database, "reference", kMergedIntoNothing, &findings));
  NINES_TRY(look(&database, "overlap", kOverlaps, &findings));
  NINES_TRY(look(&database, "open twice", kOpenTwice, &findings));
  return findings;
}

}  // namespace nines::ledger
