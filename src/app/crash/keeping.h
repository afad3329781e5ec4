// One crash, from the kernel's announcement until the process is let go.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/crash/core_stream.h"
#include "app/crash/crash_arguments.h"
#include "app/crash/crash_directory.h"
#include "app/crash/crash_source.h"
#include "app/crash/kept_files.h"
#include "app/crash/outcome.h"
#include "app/crash/progress.h"
#include "base/clock.h"
#include "base/result.h"

namespace nines::crash {

/// Both stages tell of themselves in `outcome`, and in the capture.json of the crash's directory.
class Keeping {
 public:
  /// @param arguments  outlives it.
  explicit Keeping(const CrashArguments& arguments)
      : arguments_(arguments), progress_(arguments.progress) {}

  /// Stage 1, within milliseconds: the directory is there with all but the whole core, or the
  /// former handler has the crash (`passed_to`).
  Status keep_essentials(Outcome* outcome);

  /// Stage 2: the whole core, if it is wanted and there is room, while the process waits; it is
  /// let go before the disk is waited for. Whatever happens here, stage 1 is kept.
  /// @pre    keep_essentials() has kept it.
  /// @return false: the disk hangs, and threads of this process with it, so that only _exit() is
  ///         left.
  bool keep_whole_core(Outcome* outcome);

  /// What examine() is to keep besides; empty without --in-store.
  const std::vector<GoneFile>& gone_files() const { return gone_files_; }

  void let_go() {
    if (source_) source_->let_go();
    progress_.let_go();
  }

 private:
  bool is_given_away(Outcome* outcome);
  std::string obstacle(Outcome* outcome);
  std::string signature() const;
  Status write_whole_core(Outcome* outcome);
  void tell(const Outcome& outcome) const;

  const CrashArguments& arguments_;
  Progress progress_;
  BootTime begun_ = boot_now();
  std::optional<CrashSource> source_;
  CoreStart start_;
  std::vector<GoneFile> gone_files_;
  std::optional<CrashDirectory> directory_;  ///< holds its lock
  bool wants_whole_core_ = false;
  UniqueFd writer_;  ///< the right to write a whole core
};

}  // namespace nines::crash
