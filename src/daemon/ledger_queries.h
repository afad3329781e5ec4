// Questions to the ledger that may take long, asked beside the event loop.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nines::daemon {

/// One thread, started with the first job: a queue of questions is answered one after another, and
/// costs the machine no more than one CPU.
class LedgerQueries {
 public:
  static constexpr std::size_t kMaxWaiting = 32;

  LedgerQueries() = default;
  /// Waits for the job that runs; those that wait are dropped.
  ~LedgerQueries();
  LedgerQueries(const LedgerQueries&) = delete;
  LedgerQueries& operator=(const LedgerQueries&) = delete;

  /// @return false: too many wait already; the job is not taken.
  bool add(std::function<void()> job);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace nines::daemon
