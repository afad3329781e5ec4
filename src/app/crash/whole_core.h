// Stage 2 of a crash: all of its memory, packed, beside what stage 1 has kept.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "app/crash/capture.h"
#include "app/crash/crash_store.h"
#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

namespace nines::crash {

struct WholeCoreRequest {
  std::string store;             ///< the directory that the crash's own is in
  std::string name;              ///< the crash's
  std::optional<Bytes> limit{};  ///< of memory, unpacked
  StoreLimits limits;
  std::function<void()> on_progress;  ///< called now and then
};

/// Half a whole core, "core.zst.part": it goes with this, unless it is published.
class WholeCore {
 public:
  /// Reads all memory of the process and packs it. Afterwards the process may be let go.
  /// As it grows older whole cores give way to it, see tidy().
  /// @pre     the victim waits, and the crash's directory is held by the caller.
  /// @errors  kLimit, kNoSpace: which limit it was, and what to do about it. kGone. kTimeout: the
  ///          disk hangs, and threads of ours with it: only _exit() is left.
  static Result<WholeCore> write(const Victim& victim, const CoreStart& start,
                                 const WholeCoreRequest& request);

  WholeCore(WholeCore&& other) noexcept;
  WholeCore& operator=(WholeCore&&) = delete;
  WholeCore(const WholeCore&) = delete;
  WholeCore& operator=(const WholeCore&) = delete;
  ~WholeCore();

  /// Waits for the disk, then it is "core.zst". @errors those of fdatasync(2) and rename(2).
  Status publish(const std::function<void()>& on_progress);

  Bytes packed() const { return packed_; }
  Bytes size() const { return size_; }

 private:
  explicit WholeCore(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;  ///< empty: nothing to remove
  UniqueFd file_;
  Bytes packed_, size_;
};

/// From here on what this thread does, and those it starts, gives way to applications on
/// processors and disks.
void work_in_the_background();

}  // namespace nines::crash
