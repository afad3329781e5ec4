// For tests only: what tests/targets/live_states counts, in memory that it shares with a test.
#pragma once

#include <atomic>
#include <cstdint>

namespace nines::trace {

struct LiveStates {
  std::atomic<std::uint64_t> ready;
  std::atomic<std::uint64_t> spins;        ///< rounds in which registers were watched
  std::atomic<std::uint64_t> damaged;      ///< and were not as they had been
  std::atomic<std::uint64_t> waits;        ///< system calls that returned
  std::atomic<std::uint64_t> interrupted;  ///< with EINTR
  std::atomic<std::uint64_t> signals;      ///< SIGRTMIN handled
  std::atomic<std::int64_t> semaphore;     ///< to be removed afterwards: semctl(2)
};

}  // namespace nines::trace
