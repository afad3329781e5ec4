// Crashes that are being taken down: each a file in the runtime directory, so that a successor of
// the daemon knows of all that its predecessor had begun.
//
// The first line is the daemon's: of whom. The second is what nines-crash says, whose standard
// output the file is. It is locked as long as one
// of both has it open, so that whoever gets the lock knows that no more will come.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "app/crash/core_policy.h"
#include "app/crash/gone_process.h"
#include "app/crash/outcome.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace nines::daemon {

struct CrashOrigin {
  std::string id;        ///< 32 hexadecimal digits; also the name of its directory
  std::string unit;      ///< or empty: none of ours
  std::string cause;     ///< id of the event that tells of the unit's end, or empty
  std::string watchdog;  ///< we had it crash, since it hung: what we saw of that; or empty
  std::string log;       ///< path of what its unit printed, or empty
  std::optional<crash::GoneProcess> gone;  ///< nobody announced it: what was left is looked at
  pid_t pid = 0;
  crash::CorePolicy policy;
  int dumpable = 0;  ///< of one whose core comes over a pipe, as PipeNotice tells; 0: by a socket
  UtcTime time;
  BootTime since_boot;
};

class CrashRecords {
 public:
  explicit CrashRecords(std::string directory) : directory_(std::move(directory)) {}

  Status open();
  /// @return the file, locked.
  Result<UniqueFd> begin(const CrashOrigin& origin) const;
  /// Ids of those that are not over.
  std::vector<std::string> unfinished() const;
  /// @return the file, locked. @errors kBusy: somebody else has it. kNotFound.
  Result<UniqueFd> take_over(const std::string& id) const;
  struct Read {
    CrashOrigin origin;
    std::optional<crash::Outcome> outcome;  ///< none: nothing was said, or no such thing
  };
  Result<Read> read(const std::string& id) const;
  void remove(const std::string& id) const;

 private:
  std::string directory_;
};

}  // namespace nines::daemon
