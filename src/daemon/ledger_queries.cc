#include "daemon/ledger_queries.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace nines::daemon {

LedgerQueries::~LedgerQueries() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
    jobs_.clear();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool LedgerQueries::add(std::function<void()> job) {
  {
    const std::lock_guard guard(mutex_);
    if (jobs_.size() >= kMaxWaiting) return false;
    jobs_.push_back(std::move(job));
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake_.notify_one();
  return true;
}

void LedgerQueries::run() {
  // Signals are the loop's business.
  sigset_t all;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, nullptr);
  (void)pthread_setname_np(pthread_self(), "queries");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace nines::daemon
