// The EventSink that the daemon gives to every room: spools at once, commits behind.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"
#include "ledger/event.h"
#include "ledger/record.h"
#include "ledger/spool.h"
#include "ledger/store.h"

namespace nines::ledger {

inline constexpr Nanoseconds kDefaultKeepEvents = std::chrono::hours(24 * 400);

struct WriterOptions {
  std::string database;         ///< path of ledger.db; its directory is the caller's to make
  std::string spool_directory;  ///< on tmpfs; empty: records are held in memory only
  HostIdentity host;
  Bytes spool_limit = 64_MiB;
  /// How long info events gather for one commit, which costs as much as hundreds of events. What a
  /// power cut can lose of them.
  Nanoseconds batch_delay = std::chrono::seconds(1);
  /// The same for intervals, warnings and errors; they take the waiting info events along.
  Nanoseconds notable_delay = std::chrono::milliseconds(50);
  Nanoseconds retry_first = std::chrono::milliseconds(100);
  Nanoseconds retry_max = std::chrono::seconds(5);
  Nanoseconds heartbeat = std::chrono::seconds(10);  ///< zero: none
  /// Older events become daily counts; see Store::roll_up(). More than a year, so that a year can
  /// be asked for. Zero: kept for ever.
  Nanoseconds keep_events = kDefaultKeepEvents;
};

/// How the ledger is. Degraded means: records gather in the spool, or were lost.
struct LedgerHealth {
  bool degraded = false;
  std::string text;  ///< one line: "ok", or what is wrong, where, and how many records wait
  std::optional<ErrorCode> code;  ///< of what is wrong with the database
  std::size_t waiting_records = 0;
  std::size_t in_memory = 0;  ///< of these: would be lost with the process
  DropCounts dropped;         ///< since the start of this process
  std::string quarantined;    ///< where the last damaged database was put by this process
};

/// Guarantees, for every record whose emit() or downtime() returned and that was not counted as
/// dropped or held in memory:
///  - kill -9 of this process at any instruction neither loses nor doubles it;
///  - it is committed once the database takes it, after batch_delay or notable_delay, and a power
///    cut later than that does not lose it;
///  - a database that is damaged is set aside, and a new one goes on.
/// Thread-safe.
class LedgerWriter final : public EventSink {
 public:
  using Observer = std::function<void(const Event&)>;
  using CommitCallback = std::function<void(const CommittedBatch&)>;

  /// Starts the thread, which first stores what a former process left in the spool. A database
  /// that cannot be opened is no error: the health says so, and it is tried again and again.
  /// @errors kBusy: another live process uses the spool directory. A spool directory that cannot
  ///         be used otherwise is no error either: see LedgerHealth::in_memory.
  static Result<std::unique_ptr<LedgerWriter>> start(WriterOptions options);

  /// Ends the thread after one last attempt to commit. What is left stays in the spool.
  ~LedgerWriter() override;
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  void emit(Event event) override;
  void downtime(DowntimeInterval interval) override;

  /// Called in emit(), on the emitting thread, after the event is safe in the spool. The ledger's
  /// own events ("ledger.*") come on its own thread. After the return of set_observer the former
  /// observer does not run any more.
  /// @pre  the observer returns at once and calls nothing of this writer.
  void set_observer(Observer observer);
  /// Called after each commit, on the writer's thread.
  /// @pre  as for set_observer.
  void set_on_committed(CommitCallback callback);

  /// Waits until everything emitted before is committed.
  /// @errors kTimeout: it is not yet; the detail is the health.
  Status flush(Nanoseconds timeout);

  LedgerHealth health() const;

 private:
  LedgerWriter(WriterOptions options, std::unique_ptr<Spool> spool);
  void accept(const Record& record);

  // On the thread:
  void run();
  void wait_for_work();
  void attempt();
  Status drain();
  Status open_store();
  Status drain_segments();
  Status drain_memory();
  Status note_outage();
  Status apply(const std::vector<Record>& records, const std::string& boot_id);
  Status beat();
  Status maintain();
  void report_drops();
  void set_aside(const Error& why);
  void succeeded();
  void failed(const Error& error);

  const WriterOptions options_;
  const std::unique_ptr<Spool> spool_;
  std::string spool_trouble_;  // why there is no spool directory; set before the thread starts

  std::mutex callback_mutex_;
  Observer observer_;
  CommitCallback on_committed_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable drained_;
  // Guarded by mutex_:
  bool stop_ = false;
  bool work_ = false;
  bool notable_work_ = false;
  std::uint64_t flush_wanted_ = 0;
  std::uint64_t flush_done_ = 0;
  int flush_waiters_ = 0;
  LedgerHealth health_;
  std::string database_trouble_;

  // Of the thread alone:
  std::optional<Store> store_;
  BootTime degraded_since_;
  Nanoseconds backoff_{0};
  DropCounts drops_reported_;
  bool damage_reported_ = false;  // of the database that is there now
  BootTime next_beat_;
  BootTime next_roll_up_;

  std::atomic<bool> work_signalled_{false};
  std::atomic<bool> notable_signalled_{false};
  std::thread thread_;
};

}  // namespace nines::ledger
