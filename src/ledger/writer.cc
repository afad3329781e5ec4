#include "ledger/writer.h"

#include <pthread.h>
#include <signal.h>

#include <fmt/format.h>

#include "ledger/own_events.h"
#include "ledger/quarantine.h"

namespace nines::ledger {
namespace {

// A flush waits for us: retry sooner than the backoff says.
constexpr Nanoseconds kRetryWhileFlushing = std::chrono::milliseconds(20);
// After a damaged database was set aside the drain is tried anew at once, but not for ever.
constexpr int kMaxQuarantinesPerAttempt = 2;

// Old events go in small transactions, so that none of them keeps a new interval waiting.
constexpr std::size_t kRollUpTogether = 2000;
constexpr Nanoseconds kRollUpAgain = std::chrono::milliseconds(500);
constexpr Nanoseconds kRollUpEvery = std::chrono::hours(1);

bool is_notable(const Record& record) {
  const auto* event = std::get_if<Event>(&record);
  return event == nullptr || event->severity != Severity::kInfo;
}

}  // namespace

Result<std::unique_ptr<LedgerWriter>> LedgerWriter::start(WriterOptions options) {
  SpoolOptions spool_options;
  spool_options.directory = options.spool_directory;
  spool_options.boot_id = options.host.boot_id;
  spool_options.limit = options.spool_limit;
  std::string trouble = "no runtime directory is set";
  std::unique_ptr<Spool> spool;
  if (!options.spool_directory.empty()) {
    auto opened = Spool::open(spool_options);
    if (opened) {
      spool = std::move(*opened);
      trouble.clear();
    } else if (opened.error().code() == ErrorCode::kBusy) {
      return std::move(opened.error()).in("start ledger");
    } else {
      trouble = opened.error().message();
    }
  }
  if (!spool) spool = Spool::in_memory(spool_options);
  std::unique_ptr<LedgerWriter> writer(new LedgerWriter(std::move(options), std::move(spool)));
  writer->spool_trouble_ = std::move(trouble);
  writer->thread_ = std::thread([raw = writer.get()] { raw->run(); });
  return writer;
}

LedgerWriter::LedgerWriter(WriterOptions options, std::unique_ptr<Spool> spool)
    : options_(std::move(options)), spool_(std::move(spool)) {
  work_ = spool_->backlog().records > 0;
}

LedgerWriter::~LedgerWriter() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LedgerWriter::emit(Event event) {
  const Record record(std::move(event));
  accept(record);
  const std::lock_guard guard(callback_mutex_);
  if (observer_) observer_(std::get<Event>(record));
}

void LedgerWriter::downtime(DowntimeInterval interval) {
  accept(Record(std::move(interval)));
}

void LedgerWriter::accept(const Record& record) {
  (void)spool_->append(record);  // where it went is told by health() and "ledger.dropped"
  // Only the first record of its kind after a drain pays for waking the thread.
  const bool notable = is_notable(record);
  if ((notable ? notable_signalled_ : work_signalled_).exchange(true)) return;
  {
    const std::lock_guard guard(mutex_);
    work_ = true;
    notable_work_ = notable_work_ || notable;
  }
  wake_.notify_one();
}

void LedgerWriter::set_observer(Observer observer) {
  const std::lock_guard guard(callback_mutex_);
  observer_ = std::move(observer);
}

void LedgerWriter::set_on_committed(CommitCallback callback) {
  const std::lock_guard guard(callback_mutex_);
  on_committed_ = std::move(callback);
}

Status LedgerWriter::flush(Nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++flush_wanted_;
  ++flush_waiters_;
  wake_.notify_one();
  const bool done = drained_.wait_for(lock, timeout, [&] { return flush_done_ >= ticket; });
  --flush_waiters_;
  if (done) return {};
  lock.unlock();
  return Error(ErrorCode::kTimeout, "flush ledger").with_detail(health().text);
}

LedgerHealth LedgerWriter::health() const {
  const Spool::Backlog backlog = spool_->backlog();
  const std::string trouble = spool_trouble_.empty() ? spool_->trouble() : spool_trouble_;
  const std::lock_guard guard(mutex_);
  LedgerHealth health = health_;
  health.waiting_records = backlog.records;
  health.in_memory = backlog.in_memory;
  health.dropped = spool_->drops();
  health.degraded = !database_trouble_.empty() || !trouble.empty();
  health.text = "ok";
  if (!health.degraded) return health;
  health.text = "degraded";
  if (!database_trouble_.empty()) health.text += ": " + database_trouble_;
  if (!trouble.empty()) health.text += ": records are held in memory only: " + trouble;
  health.text += fmt::format("; {} records waiting", backlog.records);
  if (health.dropped.total() > 0) health.text += fmt::format(", {} lost", health.dropped.total());
  return health;
}

void LedgerWriter::run() {
  // Signals are the daemon's loop's business.
  sigset_t all;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, nullptr);
  (void)pthread_setname_np(pthread_self(), "ledger");
  attempt();
  for (;;) {
    wait_for_work();
    const bool stopping = [this] {
      const std::lock_guard guard(mutex_);
      return stop_;
    }();
    attempt();
    if (!stopping) continue;
    if (store_) store_->close_in_order();  // failed() would have dropped it
    store_.reset();
    return;
  }
}

void LedgerWriter::wait_for_work() {
  std::unique_lock lock(mutex_);
  const auto urgent = [this] { return stop_ || flush_wanted_ > flush_done_; };
  if (backoff_.count() > 0) {
    const bool flushing = flush_waiters_ > 0;
    wake_.wait_for(lock, flushing ? std::min(backoff_, kRetryWhileFlushing) : backoff_,
                   [&] { return stop_ || (!flushing && flush_waiters_ > 0); });
    return;
  }
  const auto any = [&] { return work_ || urgent(); };
  if (options_.heartbeat.count() == 0) {
    wake_.wait(lock, any);
  } else {
    const Nanoseconds left = std::max(next_beat_ - boot_now(), Nanoseconds(0));
    wake_.wait_for(lock, left, any);
  }
  if (!work_) return;
  wake_.wait_for(lock, options_.batch_delay, [&] { return urgent() || notable_work_; });
  if (notable_work_) wake_.wait_for(lock, options_.notable_delay, urgent);
}

void LedgerWriter::attempt() {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard guard(mutex_);
    ticket = flush_wanted_;
    work_ = false;
    notable_work_ = false;
  }
  // From here on a new record wakes us again, for we may have looked before it came.
  work_signalled_ = false;
  notable_signalled_ = false;
  Status drained = drain();
  for (int n = 0;
       n < kMaxQuarantinesPerAttempt && !drained && drained.error().code() == ErrorCode::kCorrupt;
       ++n) {
    set_aside(drained.error());
    drained = drain();
  }
  if (!drained) {
    failed(drained.error());
    return;
  }
  succeeded();
  {
    const std::lock_guard guard(mutex_);
    flush_done_ = std::max(flush_done_, ticket);
  }
  drained_.notify_all();
}

Status LedgerWriter::drain() {
  if (store_ && store_->file_replaced()) store_.reset();
  if (!store_) NINES_TRY(open_store());
  NINES_TRY(drain_segments());
  NINES_TRY(drain_memory());
  report_drops();
  NINES_TRY(beat());
  return maintain();
}

Status LedgerWriter::open_store() {
  NINES_TRY(finish_quarantine(options_.database));
  NINES_ASSIGN(store_, Store::open(options_.database, options_.host));
  return {};
}

Status LedgerWriter::drain_segments() {
  spool_->seal();
  // Segments of an earlier boot come first: how that one ended is judged by all that is known.
  for (const Spool::Segment& segment : spool_->sealed()) {
    auto content = spool_->read(segment);
    if (!content && content.error().code() == ErrorCode::kNotFound) {
      // Somebody cleaned the directory. There is nothing to wait for.
      NINES_TRY(spool_->remove(segment));
      continue;
    }
    if (!content) return std::move(content.error());
    if (content->boot_id == options_.host.boot_id) {
      NINES_TRY(note_outage());
    }
    NINES_TRY(apply(content->records, content->boot_id));
    NINES_TRY(spool_->remove(segment));
  }
  return note_outage();
}

Status LedgerWriter::note_outage() {
  NINES_ASSIGN(const CommittedBatch batch, store_->note_outage(utc_now(), boot_now()));
  if (batch.refused > 0) emit(refused_event(batch));
  return {};
}

Status LedgerWriter::drain_memory() {
  const std::vector<Record> records = spool_->memory();
  if (records.empty()) return {};
  NINES_TRY(apply(records, {}));
  spool_->drop_memory(records.size());
  return {};
}

Status LedgerWriter::apply(const std::vector<Record>& records, const std::string& boot_id) {
  if (records.empty()) return {};
  NINES_ASSIGN(const CommittedBatch batch, store_->apply(records, boot_id));
  if (batch.refused > 0) emit(refused_event(batch));
  const std::lock_guard guard(callback_mutex_);
  if (on_committed_) on_committed_(batch);
  return {};
}

Status LedgerWriter::beat() {
  if (options_.heartbeat.count() == 0) return {};
  const BootTime now = boot_now();
  if (now < next_beat_) return {};
  NINES_TRY(store_->heartbeat(utc_now(), now));
  next_beat_ = now + options_.heartbeat;
  return {};
}

Status LedgerWriter::maintain() {
  const BootTime now = boot_now();
  if (now < next_roll_up_) return {};
  NINES_TRY(store_->fit_cache());
  next_roll_up_ = now + kRollUpEvery;
  if (options_.keep_events.count() == 0) return {};
  const UtcTime before{utc_now().ns - options_.keep_events.count()};
  NINES_ASSIGN(const std::size_t gone, store_->roll_up(before, kRollUpTogether));
  if (gone == kRollUpTogether) next_roll_up_ = now + kRollUpAgain;
  return {};
}

void LedgerWriter::report_drops() {
  // Only now, after a drain, is there room for the report itself.
  const DropCounts now = spool_->drops();
  if (now.total() == drops_reported_.total()) return;
  emit(dropped_event({now.info_events - drops_reported_.info_events,
                      now.notable_events - drops_reported_.notable_events,
                      now.intervals - drops_reported_.intervals}));
  drops_reported_ = now;
}

void LedgerWriter::set_aside(const Error& why) {
  store_.reset();
  const std::string aside = quarantine_name(options_.database, utc_now());
  // Spooled before the rename: a kill in between must not leave a silent gap in history.
  if (!std::exchange(damage_reported_, true)) emit(quarantined_event(why, aside));
  const Status moved = quarantine(options_.database, aside);
  // When it cannot be moved, the next attempt finds the same damage and comes back here.
  if (!moved) return;
  damage_reported_ = false;
  const std::lock_guard guard(mutex_);
  health_.quarantined = aside;
}

void LedgerWriter::succeeded() {
  backoff_ = Nanoseconds(0);
  {
    const std::lock_guard guard(mutex_);
    if (database_trouble_.empty()) return;
    database_trouble_.clear();
    health_.code.reset();
  }
  emit(recovered_event(boot_now() - degraded_since_));
}

void LedgerWriter::failed(const Error& error) {
  // A connection whose file was replaced, unmounted or made read-only does not heal: open anew.
  store_.reset();
  backoff_ =
      backoff_.count() == 0 ? options_.retry_first : std::min(backoff_ * 2, options_.retry_max);
  bool first = false;
  {
    const std::lock_guard guard(mutex_);
    first = database_trouble_.empty();
    database_trouble_ = error.message();
    health_.code = error.code();
  }
  if (!first) return;
  degraded_since_ = boot_now();
  emit(degraded_event(error));
}

}  // namespace nines::ledger
