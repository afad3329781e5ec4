// Reader: what `nines why` asks. Reads intervals, units and predictions, and of the events only
// those by id, so that its cost does not grow with them.
#include <algorithm>
#include <map>

#include "ledger/cause.h"
#include "ledger/reader.h"
#include "ledger/reader_rows.h"
#include "ledger/warnings.h"

namespace nines::ledger {
namespace {

struct KnownUnit {
  std::int64_t row = 0;
  std::string name;
  UtcTime first_seen;
};

/// One state of the database for several statements; the end of a read alters nothing.
class Snapshot {
 public:
  static Result<Snapshot> begin(Database* database) {
    NINES_TRY(database->execute("BEGIN"));
    return Snapshot(database);
  }
  Snapshot(Snapshot&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot() {
    if (database_ != nullptr) (void)database_->execute("ROLLBACK").has_value();
  }

 private:
  explicit Snapshot(Database* database) : database_(database) {}
  Database* database_;
};

Result<std::vector<KnownUnit>> known_units(Database* database, const std::string& only) {
  return read_all<KnownUnit>(
      database,
      "SELECT u.unit, n.text, u.first_ns FROM units u JOIN names n ON n.id = u.unit "
      "WHERE (?1 = '' OR n.text = ?1) ORDER BY n.text",
      [](const auto& rows) {
        return KnownUnit{rows.int64(0), rows.bytes(1), UtcTime{rows.int64(2)}};
      },
      only);
}

/// Intervals of a unit that may touch [from, to). The class of the cause is beside the interval;
/// where its event came later, it is looked up. (Of a NULL SQLite looks for nothing; of "cause IS
/// NULL AND id = ..." it looks for each id first, and that is a page of the disk for each
/// interval.)
class SpanReader {
 public:
  static Result<SpanReader> open(Database* database) {
    SpanReader reader;
    NINES_ASSIGN(reader.select_,
                 database->prepare(
                     "SELECT i.start_ns, i.duration_ns, i.cell, i.planned, i.cause, "
                     "i.cause_event, k.text, coalesce(e.detail, '{}') FROM intervals i "
                     "LEFT JOIN events e ON e.id = iif(i.cause IS NULL, i.cause_event, NULL) "
                     "LEFT JOIN names k ON k.id = e.kind WHERE i.unit = ?1 AND i.start_ns < ?3 AND "
                     "i.start_ns >= coalesce((SELECT max(p.start_ns) FROM intervals p WHERE "
                     "p.unit = ?1 AND p.start_ns <= ?2), ?2) ORDER BY i.start_ns, i.duration_ns"));
    NINES_ASSIGN(reader.name_, database->prepare("SELECT text FROM names WHERE id = ?"));
    return reader;
  }

  Result<std::vector<DownSpan>> read(std::int64_t unit, UtcTime from, UtcTime to) {
    NINES_ASSIGN(auto rows, select_.query(unit, from.ns, to.ns));
    std::vector<DownSpan> spans;
    for (;;) {
      NINES_ASSIGN(const bool more, rows.next());
      if (!more) return spans;
      DownSpan& span = spans.emplace_back();
      span.start = UtcTime{rows.int64(0)};
      if (!rows.is_null(1)) span.duration = Nanoseconds(rows.int64(1));
      span.cell = static_cast<Cell>(rows.int64(2));
      span.planned = rows.int64(3) != 0;
      NINES_ASSIGN(span.cause, cause_of(rows));
      span.cause_event = id_column(rows, 5);
    }
  }

 private:
  Result<Cause> cause_of(const Statement::Rows& rows) {
    if (!rows.is_null(4)) {
      const auto [known, is_new] = causes_.try_emplace(rows.int64(4));
      if (is_new) {
        NINES_ASSIGN(auto names, name_.query(rows.int64(4)));
        NINES_ASSIGN(const bool found, names.next());
        if (found) known->second = cause_from(names.bytes(0));
      }
      return known->second;
    }
    if (rows.is_null(6)) return Cause{};
    Event event;
    event.kind = rows.bytes(6);
    event.detail_json = rows.bytes(7);
    return classify(event);
  }

  Statement select_, name_;
  std::map<std::int64_t, Cause> causes_;
};

Result<std::optional<UtcTime>> first_boot(Database* database) {
  const auto first = database->value("SELECT min(first_seen_ns) FROM boots");
  if (!first) return first.error();
  return *first == 0 ? std::optional<UtcTime>() : std::optional<UtcTime>(UtcTime{*first});
}

}  // namespace

Result<WhyReport> Reader::why(const WhyQuery& asked) {
  WhyQuery query = asked;
  // Before 1970 nothing is known, and what looks back from there must not leave 64 bits.
  query.from.ns =
      std::clamp<std::int64_t>(asked.from.ns, 0, std::max<std::int64_t>(asked.to.ns, 0));
  NINES_ASSIGN(const Snapshot snapshot, Snapshot::begin(&database_));
  const bool of_host_only = query.unit == kHostUnit;
  NINES_ASSIGN(const auto units, known_units(&database_, query.unit));
  NINES_ASSIGN(const auto host_unit, known_units(&database_, std::string(kHostUnit)));
  if (!query.unit.empty() && !of_host_only && units.empty()) {
    return Error(ErrorCode::kNotFound, "why", query.unit)
        .with_detail("the ledger knows of no such unit that ever served")
        .with_hint("nines why lists those that it knows");
  }
  // The burn rates look back further than a short window does.
  const UtcTime begin{std::min(query.from.ns, query.to.ns - kBurnWindows.back().length.count())};
  NINES_ASSIGN(const Warnings warnings, Warnings::read(&database_, begin, query.to));
  // A warning of before the window may have been acted on before the window.
  const UtcTime spans_from{warnings.empty() ? begin.ns : begin.ns - kMaxHorizon.count()};
  NINES_ASSIGN(SpanReader spans, SpanReader::open(&database_));
  Scoring scoring(query.from, query.to);

  History host;
  host.unit = kHostUnit;
  NINES_ASSIGN(host.first_seen, first_boot(&database_));
  if (!host_unit.empty()) {
    NINES_ASSIGN(host.spans, spans.read(host_unit.front().row, spans_from, query.to));
  }
  host.predictions = warnings.that_may_tell_of("");
  // What is the host's own fault shows at the units too, and there only while the host goes on.
  std::vector<DownSpan> below_app = host.spans;
  std::vector<UnitReport> reports;
  for (const KnownUnit& unit : units) {
    if (unit.name == kHostUnit) continue;
    History history;
    history.unit = unit.name;
    history.first_seen = unit.first_seen;
    NINES_ASSIGN(history.spans, spans.read(unit.row, spans_from, query.to));
    history.predictions = warnings.that_may_tell_of(unit.name);
    if (query.target) history.target = query.target(unit.name);
    reports.push_back(analyse(history, query.from, query.to));

    const Outcomes outcomes(history.spans, warnings.rejuvenations(unit.name));
    scoring.add_warnings(warnings.about(unit.name), outcomes);
    scoring.add_failures(history.predictions, outcomes, unit.first_seen);
    std::copy_if(history.spans.begin(), history.spans.end(), std::back_inserter(below_app),
                 [](const DownSpan& span) { return !is_app(span.cell); });
  }
  if (query.unit.empty() || of_host_only) {
    const Outcomes outcomes(below_app, {});
    scoring.add_warnings(host.predictions, outcomes);
    // With the units, each of them counts its own part of an outage.
    if (of_host_only) scoring.add_failures(host.predictions, outcomes, query.from);
  }
  WhyReport report = summarise(query, analyse(host, query.from, query.to), std::move(reports));
  report.predictors = scoring.scores();
  return report;
}

Result<std::vector<StoredEvent>> Reader::events_where(const std::string& condition,
                                                      const BlobOrText& value) {
  return read_all<StoredEvent>(&database_, kEventColumns + condition, read_event, value);
}

Result<std::vector<StoredInterval>> Reader::intervals_of_cause(const std::string& event) {
  return read_all<StoredInterval>(
      &database_,
      kIntervalColumns + std::string("WHERE i.cause_event = ?1 ORDER BY i.start_ns "
                                     "LIMIT 1000"),
      read_interval, pack_id(event));
}

Result<EventStory> Reader::story(const std::string& id) {
  NINES_ASSIGN(const Snapshot snapshot, Snapshot::begin(&database_));
  EventStory story;
  NINES_ASSIGN(story.event, event(id));
  std::string next = story.event.event.caused_by;
  while (!next.empty() && story.causes.size() < kMaxCauses) {
    NINES_ASSIGN(auto found, events_where("WHERE e.id = ?1", pack_id(next)));
    if (found.empty()) break;  // dropped by retention, or never written
    next = found.front().event.caused_by;
    story.causes.push_back(std::move(found.front()));
  }
  NINES_ASSIGN(story.effects, events_where("WHERE e.caused_by = ?1 ORDER BY e.seq LIMIT " +
                                               std::to_string(kMaxEffects),
                                           pack_id(id)));
  // The downtime belongs to what began it: the event itself, or what it followed from.
  const StoredEvent* began = &story.event;
  NINES_ASSIGN(story.downtimes, intervals_of_cause(id));
  for (const StoredEvent& cause : story.causes) {
    if (!story.downtimes.empty()) break;
    NINES_ASSIGN(story.downtimes, intervals_of_cause(cause.event.id));
    began = &cause;
  }
  const Event& first = began->event;
  if (!story.downtimes.empty()) {
    NINES_ASSIGN(const auto refined, events_where("WHERE e.caused_by = ?1 AND e.kind = (SELECT id "
                                                  "FROM names WHERE text = 'unit.dumped')",
                                                  pack_id(first.id)));
    story.cause = classify(refined.empty() ? first : refined.front().event);
    if (story.cause.kind == CauseClass::kCrash) {
      NINES_ASSIGN(const auto captured,
                   events_where("WHERE e.caused_by = ?1 AND e.kind = (SELECT id FROM names WHERE "
                                "text = 'crash.captured')",
                                pack_id(first.id)));
      if (!captured.empty()) {
        story.cause = with_findings(std::move(story.cause), captured.front().event);
      }
    }
    const DowntimeInterval& down = story.downtimes.front().interval;
    story.avoid = advise(story.cause, down.cell, down.unit, {});
    NINES_ASSIGN(const Warnings warnings, Warnings::read(&database_, down.start, down.start));
    const auto candidates = warnings.that_may_tell_of(down.unit);
    const Prediction* told =
        down.planned ? nullptr : predicted_by(candidates, down.start, down.cell);
    if (told != nullptr) {
      NINES_ASSIGN(story.predicted_by, event(told->event));
    }
  }
  if (!first.subject.empty()) {
    EventFilter filter;
    filter.subject = first.subject;
    filter.since = UtcTime{first.time.ns - kShortlyBefore.count()};
    filter.until = first.time;
    filter.limit = kMaxBefore;
    NINES_ASSIGN(story.before, events(filter));
    std::reverse(story.before.begin(), story.before.end());
  }
  return story;
}

}  // namespace nines::ledger
