// Where a crash comes from: the kernel's own connection, or a pipe.
#pragma once

#include <optional>

#include "app/crash/capture.h"
#include "app/crash/core_connection.h"
#include "app/crash/pipe_protocol.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/pidfd.h"

namespace nines::crash {

/// The process, what its core comes through, and the kernel's consent to write it.
class CrashSource {
 public:
  /// Takes descriptor 3, and with a pipe descriptor 4, the process's handle.
  /// @errors those of CoreConnection.
  static Result<CrashSource> open(const std::optional<PipeNotice>& pipe);

  /// Asks the kernel for the core; over a pipe it comes unasked. @errors those of CoreConnection.
  Status ask(BootTime deadline);

  /// @pre let_go() was not called.
  Victim victim() const {
    return connection_ ? Victim{connection_->process(), pid_, by_owner_, connection_->stream()}
                       : Victim{process_, pid_, by_owner_, stream_.get()};
  }
  pid_t pid() const { return pid_; }
  bool by_owner() const { return by_owner_; }

  /// The process ends.
  void let_go() {
    connection_.reset();
    stream_.reset();
  }

 private:
  CrashSource() = default;

  UniqueFd stream_;
  sys::Pidfd process_;
  pid_t pid_ = 0;
  bool by_owner_ = false;
  std::optional<CoreConnection> connection_;  // instead of `stream_` and `process_`
};

}  // namespace nines::crash
