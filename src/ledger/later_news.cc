#include "ledger/later_news.h"

#include <algorithm>
#include <string_view>

#include "ledger/interval_table.h"

namespace nines::ledger {
namespace {

// Each finds how long after the beginning something happened, in ns. The clock of one boot counts
// within it, UTC between two.
constexpr std::string_view kAsked =
    "WITH a(unit, boot, start_ns, since_ns, events, intervals) AS (SELECT (SELECT id FROM names "
    "WHERE text = ?1), ?2, ?3, ?4, ?5, ?6) ";

constexpr std::string_view kNextReady =
    "SELECT min(iif(e.boot = a.boot, e.since_boot_ns - a.since_ns, e.time_ns - a.start_ns)) FROM a "
    "CROSS JOIN events e ON e.subject = a.unit WHERE e.seq <= a.events AND e.kind = (SELECT id "
    "FROM names WHERE text = 'unit.ready') AND iif(e.boot = a.boot, e.since_boot_ns > a.since_ns, "
    "e.time_ns > a.start_ns)";

// Outlives the event of that readiness. When its boot began is known by the sign of life.
constexpr std::string_view kLastReady =
    "SELECT iif(u.ready_boot = a.boot, u.ready_since_boot_ns - a.since_ns, h.time_ns - "
    "h.since_boot_ns + u.ready_since_boot_ns - a.start_ns) FROM a CROSS JOIN units u ON u.unit = "
    "a.unit LEFT JOIN heartbeats h ON h.boot = u.ready_boot";

constexpr std::string_view kNextDown =
    "SELECT min(iif(i.boot = a.boot, i.start_since_boot_ns - a.since_ns, i.start_ns - a.start_ns)) "
    "FROM a CROSS JOIN intervals i ON i.unit = a.unit WHERE i.seq <= a.intervals AND iif(i.boot = "
    "a.boot, i.start_since_boot_ns > a.since_ns, i.start_ns > a.start_ns)";

constexpr std::string_view kHeardOf =
    "SELECT 1 FROM a CROSS JOIN events e ON e.subject = a.unit WHERE e.seq <= a.events AND "
    "iif(e.boot = a.boot, e.since_boot_ns > a.since_ns, e.time_ns > a.start_ns) LIMIT 1";

constexpr std::string_view kLastRecord =
    "SELECT max(e.since_boot_ns) - a.since_ns FROM a CROSS JOIN events e ON e.seq > a.events WHERE "
    "e.boot = a.boot";

class LaterNews {
 public:
  LaterNews(Database* database, const KnownBefore& before, const DowntimeInterval& open,
            std::int64_t boot)
      : database_(database), before_(before), open_(open), boot_(boot) {}

  /// @return  the number; empty: NULL, or no row.
  Result<std::optional<std::int64_t>> ask(std::string_view sql) {
    NINES_ASSIGN(Statement find, database_->prepare(std::string(kAsked) + std::string(sql)));
    NINES_ASSIGN(auto rows, find.query(open_.unit, boot_, open_.start.ns, open_.start_since_boot.ns,
                                       before_.event_seq, before_.interval_seq));
    NINES_ASSIGN(const bool found, rows.next());
    if (!found || rows.is_null(0)) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(rows.int64(0));
  }

 private:
  Database* database_;
  const KnownBefore& before_;
  const DowntimeInterval& open_;
  std::int64_t boot_;
};

Nanoseconds length(std::int64_t ns) {
  return Nanoseconds(std::clamp<std::int64_t>(ns, 0, kMaxDuration));
}

}  // namespace

Result<std::optional<EndOfOpen>> end_of_open(Database* database, const KnownBefore& before,
                                             const DowntimeInterval& open, std::int64_t boot) {
  LaterNews news(database, before, open, boot);
  std::optional<std::int64_t> first;
  for (const std::string_view sign : {kNextReady, kLastReady, kNextDown}) {
    NINES_ASSIGN(const auto after, news.ask(sign));
    if (after && *after > 0) first = std::min(first.value_or(*after), *after);
  }
  if (first) {
    return std::optional<EndOfOpen>(
        {length(*first), "open in the export: the unit served by then"});
  }
  NINES_ASSIGN(const auto heard_of, news.ask(kHeardOf));
  if (!heard_of) return std::optional<EndOfOpen>();
  NINES_ASSIGN(const auto last, news.ask(kLastRecord));
  return std::optional<EndOfOpen>(
      {length(last.value_or(0)), "open in the export: its end is not known"});
}

}  // namespace nines::ledger
