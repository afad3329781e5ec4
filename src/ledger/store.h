// The writing side of the database. One owner, one thread; readers use Reader.
#pragma once

#include <sys/types.h>

#include <cstdint>
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
};

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

  /// Notes durably that this host was alive at that time.
  Status heartbeat(UtcTime time, BootTime since_boot);

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
    std::unordered_map<std::string, std::int64_t> boots;
    std::pair<dev_t, ino_t> file;
  };
  explicit Store(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

  Status prepare();
  Status register_host();
  Result<std::int64_t> boot_row(const std::string& boot_id);
  Status apply_one(const Record& record, std::int64_t boot, CommittedBatch* batch);
  Status apply_event(const Event& event, std::int64_t boot, CommittedBatch* batch);
  Result<CommittedBatch> apply_in_transaction(std::span<const Record> records,
                                              const std::string& boot_id);

  std::unique_ptr<Inner> inner_;
};

}  // namespace nines::ledger
