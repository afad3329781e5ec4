// Downtime intervals as stored: no unit is ever down twice at the same time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "ledger/event.h"
#include "ledger/names.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// No interval is longer, so that every sum of a start and a duration stays inside 64 bits: 36
/// years.
inline constexpr std::int64_t kMaxDuration = std::int64_t{1} << 60;

/// What became of a reported interval.
enum class IntervalOutcome : std::uint8_t {
  kOpened,
  kClosed,
  kUnchanged,  ///< known already: the same report again, or an opening after the closing
  kMerged,     ///< another interval of that unit tells of this time; the reason is recorded
};

/// What comes along with an interval that nobody reports as it happens.
struct Handed {
  /// Out of an export or a damaged ledger. What it tells is over, so that it ends nothing that is
  /// open here but itself.
  bool history = false;
  std::string note;                   ///< of its row so far
  std::int64_t clipped_ns = 0;        ///< of its row so far
  std::optional<std::int64_t> cause;  ///< its name's number, for when its event tells none
};

/// Upserts intervals and keeps these promises, for every unit and whatever is reported:
///  - an id is opened at most once and closed at most once; a closed one never changes;
///  - at most one interval is open;
///  - [start, start + duration) of no two closed intervals overlap, in UTC.
///
/// How: a second opening while one is open is merged into it; whoever closes first closes, since
/// the unit is up then. Where the monotonic clock of one boot shows that two intervals truly
/// overlap, the later report is shortened to what is new. Where they overlap in UTC only, a clock
/// was set: the later report keeps its length and moves to the next free time. `note` of the row,
/// or `reason` in merged_intervals, says so.
class IntervalTable {
 public:
  /// @pre  database and names outlive the table and stay where they are.
  static Result<IntervalTable> open(Database* database, Names* names);

  /// @pre     inside a transaction.
  /// @param   boot  row of the boot to which interval.start_since_boot belongs.
  /// @errors  kInvalidArgument: no id or unit, or times that cannot be.
  Result<IntervalOutcome> upsert(const DowntimeInterval& interval, std::int64_t boot,
                                 const Handed& handed = {});

  /// The unit serves: what an earlier boot left open ends now. Between two boots only UTC counts;
  /// where that was set back, the time since this boot began is what is certain.
  /// @pre  inside a transaction.
  Status close_from_earlier_boot(std::int64_t unit, std::int64_t boot, UtcTime now,
                                 BootTime since_boot);

  /// The name of the class of what such an event began; empty: the event is not there (yet). What
  /// was learned of it afterwards (unit.dumped, crash.captured) goes before what it said itself.
  Result<std::optional<std::int64_t>> cause_of(const std::string& cause_event);

 private:
  static constexpr std::int64_t kNoRow = 0;  // SQLite counts from 1

  /// A row; times in ns.
  struct Row {
    std::int64_t seq = kNoRow;
    std::int64_t boot = 0;
    std::int64_t start = 0;
    std::int64_t since_boot = 0;
    std::optional<std::int64_t> duration;  ///< empty: open
    std::int64_t clipped = 0;
    std::string note;
    std::optional<std::int64_t> cause;  ///< only of a row that is to be inserted

    std::int64_t end() const { return start + duration.value_or(0); }
    std::int64_t end_since_boot() const { return since_boot + duration.value_or(0); }
  };

  static Row read_row(const Statement::Rows& rows);
  /// The first row that a statement finds.
  template <typename... Args>
  static Result<std::optional<Row>> one(Statement* statement, const Args&... args) {
    NINES_ASSIGN(auto rows, statement->query(args...));
    NINES_ASSIGN(const bool found, rows.next());
    return found ? std::optional<Row>(read_row(rows)) : std::nullopt;
  }
  Result<std::optional<std::string>> merged_into(const std::string& id);
  Result<IntervalOutcome> insert(const DowntimeInterval& interval, std::int64_t unit, Row row);
  /// @param history  it does not end the open one.
  Result<IntervalOutcome> merge(const DowntimeInterval& interval, std::int64_t unit, Row row,
                                const Row& open, bool history);
  Status record_merge(const DowntimeInterval& interval, std::int64_t into_seq,
                      std::string_view reason);
  Status close(std::int64_t unit, Row row, std::int64_t duration, std::string_view note);
  /// Cuts what the unit's other intervals of the same boot cover.
  /// @return  the row that covers all of it, else kNoRow.
  Result<std::int64_t> clip_to_truth(std::int64_t unit, Row* row);
  /// Moves the interval to the first free time in UTC that holds it.
  Status move_to_free_time(std::int64_t unit, Row* row);

  Names* names_ = nullptr;
  Statement by_id_, open_of_, merged_, previous_utc_, next_utc_, previous_boot_, next_boot_;
  Statement insert_, close_, record_merge_, note_unit_, cause_of_, dumped_;
};

}  // namespace nines::ledger
