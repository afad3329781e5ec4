#include "ledger/interval_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/cause.h"
#include "ledger/packed_id.h"

namespace nines::ledger {
namespace {

#define NINES_ROW_COLUMNS \
  "seq, boot, start_ns, start_since_boot_ns, duration_ns, clipped_ns, coalesce(note, '')"

void add_note(std::string* note, std::string_view text) {
  if (text.empty()) return;
  if (!note->empty()) *note += "; ";
  *note += text;
}

// The year 2116; see kMaxDuration.
constexpr std::int64_t kMaxTime = std::int64_t{1} << 62;

Status validate(const DowntimeInterval& interval) {
  const Error refused = Error(ErrorCode::kInvalidArgument, "record downtime", interval.unit);
  if (interval.id.empty() || interval.unit.empty()) {
    return Error(refused).with_detail("an interval needs an id and a unit");
  }
  const auto outside = [](std::int64_t ns, std::int64_t limit) { return ns < 0 || ns > limit; };
  if (outside(interval.start.ns, kMaxTime) || outside(interval.start_since_boot.ns, kMaxTime) ||
      outside(interval.duration.count(), kMaxDuration)) {
    return Error(refused).with_detail("its times cannot be");
  }
  return {};
}

}  // namespace

Result<IntervalTable> IntervalTable::open(Database* database, Names* names) {
  IntervalTable table;
  table.names_ = names;
  const auto select = [database](const std::string& rest) {
    return database->prepare("SELECT " NINES_ROW_COLUMNS " FROM intervals WHERE " + rest);
  };
  NINES_ASSIGN(table.by_id_, select("id = ?"));
  NINES_ASSIGN(table.open_of_, select("unit = ? AND duration_ns IS NULL"));
  // Of two that begin together (one then has no length), the later row is the neighbour.
  NINES_ASSIGN(table.previous_utc_, select("unit = ? AND start_ns <= ? AND seq <> ? "
                                           "ORDER BY start_ns DESC, duration_ns DESC LIMIT 1"));
  NINES_ASSIGN(table.next_utc_, select("unit = ? AND start_ns > ? AND seq <> ? "
                                       "ORDER BY start_ns LIMIT 1"));
  NINES_ASSIGN(table.previous_boot_,
               select("unit = ? AND boot = ? AND start_since_boot_ns <= ? AND seq <> ? "
                      "ORDER BY start_since_boot_ns DESC, duration_ns DESC LIMIT 1"));
  NINES_ASSIGN(table.next_boot_,
               select("unit = ? AND boot = ? AND start_since_boot_ns > ? AND seq <> ? "
                      "ORDER BY start_since_boot_ns LIMIT 1"));
  NINES_ASSIGN(table.merged_,
               database->prepare("SELECT into_id FROM merged_intervals WHERE id = ?"));
  NINES_ASSIGN(table.insert_,
               database->prepare("INSERT INTO intervals (id, unit, boot, start_ns, "
                                 "start_since_boot_ns, duration_ns, clipped_ns, cause_event, "
                                 "planned, cell, note, cause) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"));
  NINES_ASSIGN(table.close_,
               database->prepare("UPDATE intervals SET start_ns = ?, duration_ns = ?, note = ? "
                                 "WHERE seq = ? AND duration_ns IS NULL"));
  NINES_ASSIGN(table.note_unit_,
               database->prepare("INSERT INTO units (unit, first_ns) VALUES (?, ?) ON CONFLICT "
                                 "(unit) DO UPDATE SET first_ns = excluded.first_ns "
                                 "WHERE excluded.first_ns < first_ns"));
  NINES_ASSIGN(table.cause_of_,
               database->prepare("SELECT k.text, coalesce(e.detail, '{}') FROM events e JOIN names "
                                 "k ON k.id = e.kind WHERE e.id = ?"));
  // The index of what was caused, and not that of the kind.
  NINES_ASSIGN(table.dumped_,
               database->prepare("SELECT k.text, coalesce(e.detail, '{}') FROM events e JOIN names "
                                 "k ON k.id = e.kind WHERE e.caused_by = ?1 AND +e.kind = "
                                 "(SELECT id FROM names WHERE text = ?2) ORDER BY e.seq LIMIT 1"));
  NINES_ASSIGN(table.record_merge_,
               database->prepare("INSERT INTO merged_intervals SELECT ?1, id, ?2, ?3, ?4 "
                                 "FROM intervals WHERE seq = ?5"));
  return table;
}

Result<IntervalOutcome> IntervalTable::upsert(const DowntimeInterval& interval, std::int64_t boot,
                                              const Handed& handed) {
  NINES_TRY(validate(interval));
  NINES_ASSIGN(const std::int64_t unit, names_->intern(interval.unit));
  NINES_ASSIGN(const auto known, one(&by_id_, pack_id(interval.id)));
  if (known) {
    if (known->duration || !interval.closed) return IntervalOutcome::kUnchanged;
    const std::int64_t measured = interval.duration.count() - known->clipped;
    NINES_TRY(close(unit, *known, std::max<std::int64_t>(measured, 0), ""));
    return IntervalOutcome::kClosed;
  }
  Row row;
  row.boot = boot;
  row.start = interval.start.ns;
  row.since_boot = interval.start_since_boot.ns;
  if (interval.closed) row.duration = interval.duration.count();
  row.clipped = handed.clipped_ns;
  row.note = handed.note;
  row.cause = handed.cause;

  NINES_ASSIGN(const auto merged, merged_into(interval.id));
  NINES_ASSIGN(const auto open, one(&open_of_, unit));
  if (merged) {
    if (!interval.closed || !open || handed.history) return IntervalOutcome::kUnchanged;
    NINES_ASSIGN(const auto into, one(&by_id_, pack_id(*merged)));
    if (!into || into->seq != open->seq) return IntervalOutcome::kUnchanged;
    return merge(interval, unit, row, *open, /*history=*/false);
  }
  const bool before_open = open && row.duration &&
                           (row.boot == open->boot ? row.end_since_boot() <= open->since_boot
                                                   : row.end() <= open->start);
  if (open && !before_open) {
    return merge(interval, unit, row, *open, handed.history);
  }
  return insert(interval, unit, row);
}

Result<IntervalOutcome> IntervalTable::insert(const DowntimeInterval& interval, std::int64_t unit,
                                              Row row) {
  NINES_ASSIGN(const std::int64_t cover, clip_to_truth(unit, &row));
  if (cover != kNoRow) {
    NINES_TRY(record_merge(interval, cover, "covered by an interval recorded before"));
    return IntervalOutcome::kMerged;
  }
  NINES_TRY(move_to_free_time(unit, &row));
  // What was known once is as good, also where its events are lost.
  std::optional<std::int64_t> cause = row.cause;
  if (!cause) {
    NINES_ASSIGN(cause, cause_of(interval.cause_event));
  }
  NINES_TRY(insert_.execute(
      pack_id(interval.id), unit, row.boot, row.start, row.since_boot, row.duration, row.clipped,
      pack_id(interval.cause_event), interval.planned, static_cast<int>(interval.cell),
      row.note.empty() ? std::optional<std::string>() : std::optional<std::string>(row.note),
      cause));
  NINES_TRY(note_unit_.execute(unit, row.start));
  return interval.closed ? IntervalOutcome::kClosed : IntervalOutcome::kOpened;
}

Result<IntervalOutcome> IntervalTable::merge(const DowntimeInterval& interval, std::int64_t unit,
                                             Row row, const Row& open, bool history) {
  const bool same_boot = row.boot == open.boot;
  const std::int64_t lead = same_boot ? open.since_boot - row.since_boot : open.start - row.start;
  NINES_ASSIGN(const auto merged, merged_into(interval.id));
  if (row.duration && !history) {
    // The report says that the unit serves again at this moment, so nothing is open after it.
    const std::int64_t duration = std::max<std::int64_t>(*row.duration - lead, 0);
    NINES_TRY(close(unit, open, duration, "closed by the end of another interval"));
  }
  if (merged) return IntervalOutcome::kMerged;
  if (row.duration && lead > 0) {
    // It began before the open one did: that first part is news.
    row.duration = std::min(*row.duration, lead);
    add_note(&row.note, "shortened: another interval goes on from here");
    return insert(interval, unit, row);
  }
  NINES_TRY(record_merge(interval, open.seq, "another interval of the unit was open"));
  return IntervalOutcome::kMerged;
}

Result<std::optional<std::int64_t>> IntervalTable::cause_of(const std::string& cause_event) {
  if (cause_event.empty()) return std::optional<std::int64_t>();
  const BlobOrText id = pack_id(cause_event);
  const auto read = [](Result<Statement::Rows> rows) -> Result<std::optional<Event>> {
    if (!rows) return std::move(rows.error());
    NINES_ASSIGN(const bool found, rows->next());
    if (!found) return std::optional<Event>();
    Event event;
    event.kind = rows->bytes(0);
    event.detail_json = rows->bytes(1);
    return std::optional<Event>(std::move(event));
  };
  NINES_ASSIGN(auto event, read(dumped_.query(id, kDumpedKind)));
  if (!event) {
    NINES_ASSIGN(event, read(cause_of_.query(id)));
  }
  if (!event) return std::optional<std::int64_t>();
  Cause cause = classify(*event);
  if (cause.kind == CauseClass::kCrash) {
    NINES_ASSIGN(const auto captured, read(dumped_.query(id, kCapturedKind)));
    cause = with_findings(std::move(cause), captured);
  }
  NINES_ASSIGN(const std::int64_t name, names_->intern(to_string(cause)));
  return std::optional<std::int64_t>(name);
}

Status IntervalTable::close_from_earlier_boot(std::int64_t unit, std::int64_t boot, UtcTime now,
                                              BootTime since_boot) {
  NINES_ASSIGN(const auto open, one(&open_of_, unit));
  if (!open || open->boot == boot) return {};
  const std::int64_t by_utc = now.ns - open->start;
  const bool clock_was_set = by_utc < since_boot.ns;
  const std::int64_t duration =
      std::clamp<std::int64_t>(std::max(by_utc, since_boot.ns), 0, kMaxDuration);
  return close(unit, *open, duration,
               clock_was_set ? "the clock was set back: as long as this boot at least" : "");
}

Status IntervalTable::record_merge(const DowntimeInterval& interval, std::int64_t into_seq,
                                   std::string_view reason) {
  std::optional<std::int64_t> duration;
  if (interval.closed) duration = interval.duration.count();
  return record_merge_.execute(pack_id(interval.id), interval.start.ns, duration, reason, into_seq);
}

Status IntervalTable::close(std::int64_t unit, Row row, std::int64_t duration,
                            std::string_view note) {
  row.duration = duration;
  add_note(&row.note, note);
  // An open interval is never dropped: where no time is left for it, its length is zero.
  NINES_ASSIGN(const std::int64_t cover, clip_to_truth(unit, &row));
  if (cover != kNoRow) row.duration = 0;
  NINES_TRY(move_to_free_time(unit, &row));
  return close_.execute(
      row.start, row.duration,
      row.note.empty() ? std::optional<std::string>() : std::optional<std::string>(row.note),
      row.seq);
}

Result<std::int64_t> IntervalTable::clip_to_truth(std::int64_t unit, Row* row) {
  NINES_ASSIGN(const auto before, one(&previous_boot_, unit, row->boot, row->since_boot, row->seq));
  if (before && before->duration && before->end_since_boot() > row->since_boot) {
    const std::int64_t cut = before->end_since_boot() - row->since_boot;
    if (row->duration && *row->duration <= cut) return before->seq;
    row->since_boot += cut;
    row->start += cut;
    row->clipped += cut;
    if (row->duration) *row->duration -= cut;
    add_note(&row->note, "shortened: the interval before it covers its beginning");
  }
  if (!row->duration) return kNoRow;
  NINES_ASSIGN(const auto after, one(&next_boot_, unit, row->boot, row->since_boot, row->seq));
  if (after && after->since_boot < row->end_since_boot()) {
    row->duration = after->since_boot - row->since_boot;
    add_note(&row->note, "shortened: the interval after it covers its end");
  }
  return kNoRow;
}

Status IntervalTable::move_to_free_time(std::int64_t unit, Row* row) {
  const std::int64_t reported = row->start;
  for (;;) {
    NINES_ASSIGN(const auto before, one(&previous_utc_, unit, row->start, row->seq));
    if (before && before->duration && before->end() > row->start) {
      row->start = before->end();
      continue;
    }
    if (!row->duration) break;
    NINES_ASSIGN(const auto after, one(&next_utc_, unit, row->start, row->seq));
    if (!after || after->start >= row->end()) break;
    if (!after->duration) {
      // There is no time after an open interval; what fits before it is what is left.
      row->duration = after->start - row->start;
      add_note(&row->note, "shortened: the clock was set, and the unit is down since");
      break;
    }
    row->start = after->end();
  }
  if (row->start > kMaxTime) {
    return Error(ErrorCode::kInvalidArgument, "record downtime")
        .with_detail("no free time is left");
  }
  if (row->start != reported) {
    add_note(&row->note, fmt::format("moved by {} ns: the clock was set", row->start - reported));
  }
  return {};
}

IntervalTable::Row IntervalTable::read_row(const Statement::Rows& rows) {
  Row row;
  row.seq = rows.int64(0);
  row.boot = rows.int64(1);
  row.start = rows.int64(2);
  row.since_boot = rows.int64(3);
  if (!rows.is_null(4)) row.duration = rows.int64(4);
  row.clipped = rows.int64(5);
  row.note = rows.bytes(6);
  return row;
}

Result<std::optional<std::string>> IntervalTable::merged_into(const std::string& id) {
  NINES_ASSIGN(auto rows, merged_.query(pack_id(id)));
  NINES_ASSIGN(const bool found, rows.next());
  return found ? std::optional<std::string>(id_column(rows, 0)) : std::nullopt;
}

}  // namespace nines::ledger
