// A core, packed into a file by several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"

namespace nines::crash {

/// What is packed: bytes by their offset.
struct PackSource {
  std::uint64_t size = 0;
  /// Fills a piece; false: there is nothing but zeros in it. Called by several threads at once.
  std::function<Result<bool>(std::uint64_t offset, std::span<char> into)> read;
};

struct PackOptions {
  unsigned threads = 2;
  /// Nothing read, packed or written for so long is kTimeout: a disk hangs.
  Nanoseconds stall = std::chrono::seconds(30);
  /// Called before each write, by one thread at a time, with how much is to be in the file then. An
  /// error ends it all.
  std::function<Status(Bytes written)> may_write;
  /// Called now and then as long as it goes on, by the caller's thread.
  std::function<void()> on_progress;
};

/// Writes a packed core (packed_core.h) to `out`.
/// @return  its size. Nothing is synced.
/// @errors  kTimeout: stalled, and threads may still hang in the kernel: only _exit() is left to
///          the caller then. Those of `read`, `may_write` and write(2).
Result<Bytes> pack_image(const PackSource& source, int out, const PackOptions& options);

}  // namespace nines::crash
