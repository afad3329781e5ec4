// The writing side of the database. One owner, one thread; readers use Reader.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/interval_table.h"
#include "ledger/names.h"
#include "ledger/record.h"
#include "ledger/sqlite.h"

namespace nines::ledger {

/// What one transaction did.
struct CommittedBatch {
  std::size_t events_new = 0;
  std::size_t events_known = 0;  ///< ids that were there already
  std::size_t intervals_opened = 0;
  std::size_t intervals_closed = 0;
  std::size_t intervals_unchanged = 0;
  std::size_t intervals_merged = 0;  ///< see IntervalTable
  std::size_t refused = 0;    ///< broke a rule of the schema; the others of the batch are stored
  std::string refused_why;    ///< of the first refused one
  std::int64_t last_seq = 0;  ///< greatest Event sequence number in the ledger, 0: none

  void count(IntervalOutcome outcome);
};

using NextLine = std::function<Result<bool>(std::string* line)>;

class Store {
 public:
  /// Opens or creates the database, brings its schema up to date and registers this boot.
  /// Committed batches survive a power cut (WAL, synchronous=FULL).
  /// @pre     the directory exists; no other Store has it open (a second one gets kBusy at times).
  /// @errors  kCorrupt: no database, or a damaged one. kUnsupported: of a newer nines or of another
  ///          program. kDenied, kNotFound, kNoSpace, kBusy, kIo.
  static Result<Store> open(const std::string& path, const HostIdentity& host);

  /// Stores the records in one transaction: all or, on any error, none of them.
  /// Idempotent: events by id, intervals as IntervalTable says.
  /// @param   boot_id  the boot that the records' since-boot times belong to; empty: this one.
  /// @errors  kNoSpace, kCorrupt, kDenied, kBusy, kIo, kInjected.
  Result<CommittedBatch> apply(std::span<const Record> records, const std::string& boot_id = {});

  /// Stores an export: all of its lines, or none. `next` is asked for all of them before anything
  /// is locked, so that it may wait; they go into an unnamed file beside the ledger. Every line is
  /// checked; what is there already (by id) changes nothing, so that importing twice is importing
  /// once. Nothing that is known of the present is altered by it.
  /// @param next  gives one line after another, without the newline; false: no more.
  /// @errors kInvalidArgument, kLimit: the subject is "line N", the detail names the field; also a
  ///         record before any boot, an interval that the ledger refuses, and a boot of a machine
  ///         that has no records here and is not this one, unless nobody has any. Those of `next`.
  ///         Else as apply().
  Result<CommittedBatch> import(const NextLine& next);

  /// Replaces the oldest events from before `before`, at most `most`, by their daily counts
  /// (event_days). Kept for ever: intervals, the events that explain them (see roll_up.cc), and the
  /// newest event.
  /// @return  how many went; fewer than `most`: no more are left.
  Result<std::size_t> roll_up(UtcTime before, std::size_t most);

  /// If this is the first run after a boot: notes the outage of the host before it, and of what
  /// served then; see host_outage.h. Once for each boot, however often it is called or killed.
  /// @pre     what an earlier boot left in a spool has been applied.
  /// @return  `refused` is 1 where the ledger's own past cannot be (a clock in the far future): the
  ///          outage is not recorded, and not looked for again.
  Result<CommittedBatch> note_outage(UtcTime now, BootTime since_boot);

  /// Notes durably that this host was alive at that time.
  Status heartbeat(UtcTime time, BootTime since_boot);

  /// Takes as much memory for the database's pages as its size is worth. open() does, too.
  Status fit_cache();

  /// At the close all goes into the one file, without -wal and -shm beside it.
  /// @pre  the last call succeeded: the log of a damaged database is evidence.
  void close_in_order() { inner_->database.set_checkpoint_on_close(true); }

  /// True when the path leads to another file now: somebody removed or replaced the ledger, and
  /// what is written here would be gone. The owner opens it anew.
  bool file_replaced() const;

  const std::string& path() const { return inner_->database.path(); }

 private:
  /// On the heap, since statements and tables point to the database.
  struct Inner {
    Database database;
    HostIdentity host;
    std::int64_t host_row = 0;
    Names names;
    std::unique_ptr<IntervalTable> intervals;
    Statement insert_event, find_boot, insert_boot, set_heartbeat, last_seq;
    Statement note_ready, note_seen, refine_cause;
    bool outage_noted = false;
    std::int64_t rolled_up_to = INT64_MIN;  ///< older events than this are kept ones
    std::unordered_map<std::string, std::int64_t> boots;
    std::pair<dev_t, ino_t> file;
  };
  explicit Store(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

  Status prepare();
  Status register_host();
  Status note_outage_in_transaction(UtcTime now, BootTime since_boot);
  Result<std::int64_t> boot_row(const std::string& boot_id);
  Result<std::int64_t> foreign_boot_row(const HostIdentity& host);
  struct Import;
  Status begin_import(Import* import);
  Result<bool> accepts(const std::string& machine, Import* import);
  Status import_line(const std::string& line, Import* import);
  Status import_interval(DowntimeInterval interval, Import* import);
  Result<CommittedBatch> import_in_transaction(const NextLine& next);
  enum class Origin : std::uint8_t { kHere, kExport };
  Status apply_one(const Record& record, std::int64_t boot, CommittedBatch* batch);
  Status apply_event(const Event& event, std::int64_t boot, Origin origin, CommittedBatch* batch);
  /// What follows from an event that is new.
  Status follow_up(const Event& event, std::int64_t boot, Origin origin,
                   std::optional<std::int64_t> subject);
  Result<CommittedBatch> apply_in_transaction(std::span<const Record> records,
                                              const std::string& boot_id);

  std::unique_ptr<Inner> inner_;
};

}  // namespace nines::ledger
