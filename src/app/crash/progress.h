// What nines-crash tells its daemon while it works: by a pipe, of which nobody needs to be at the
// other end.
#pragma once

#include <unistd.h>

#include "base/unique_fd.h"

namespace nines::crash {

/// The first byte says that stage 1 is over, each further one that stage 2 goes on. The end of it
/// says nothing: nines-crash ends by its own handle.
class Progress {
 public:
  /// @param fd  the pipe's end to write to, non-blocking; or -1.
  explicit Progress(int fd) : pipe_(fd) {}

  static constexpr char kStep = '.';
  static constexpr char kLetGo = '!';

  /// @pre SIGPIPE is ignored.
  void step() const { say(kStep); }
  /// The process was let go: from here on nobody waits.
  void let_go() const { say(kLetGo); }

 private:
  void say(char word) const {
    // Full: it has been told enough. Broken: the daemon is gone, and the next one has no use for
    // it.
    if (pipe_) (void)!::write(pipe_.get(), &word, 1);
  }

  UniqueFd pipe_;
};

}  // namespace nines::crash
