// StandardInput=, StandardOutput=, StandardError=: which descriptors become 0, 1 and 2.
#pragma once

#include <optional>
#include <vector>

#include "app/unit/spec.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::supervise {

/// Descriptors to hand over; -1 means /dev/null.
struct StandardStreams {
  int input = -1, output = -1, error = -1;
  std::vector<UniqueFd> owned;  ///< those of them that were opened for this
};

struct StreamSources {
  int log_output = -1, log_error = -1;  ///< where StandardOutput=journal goes
  std::optional<int> socket;            ///< the one descriptor that StandardOutput=socket means
};

/// Opens what the unit names. `inherit` means the input where that is a file, else our own stream:
/// in a container's foreground that is the container's log.
/// Never blocks: a FIFO without a reader is opened all the same.
/// @errors the context names the directive.
/// @source systemd.exec(5), StandardOutput=
Result<StandardStreams> open_streams(const unit::ExecSettings& exec, const StreamSources& sources);

}  // namespace nines::supervise
