// nines-diagnose, as a program: what it says of a core, within bounds.
#pragma once

#include <string>
#include <vector>

#include "app/crash/diagnosis.h"
#include "base/clock.h"
#include "base/result.h"

namespace nines::crash {

struct DiagnoseRequest {
  std::string program;             ///< nines-diagnose, absolute
  int core = -1;                   ///< a regular file, borrowed
  std::vector<std::string> files;  ///< of the process, kept elsewhere: by their build-ids
  /// It waits for everybody else's turn, goes first when memory is short, and asks no debuginfod.
  bool background = false;
  Nanoseconds within = std::chrono::seconds(90);  ///< it has limits of its own; this is for a hang
};

/// Runs it and waits. It is killed when it takes longer, or says more than a diagnosis can be.
/// @pre    nobody else reaps the caller's children; SIGCHLD is not ignored.
/// @errors kTimeout, kLimit; kCorrupt: what it says is no diagnosis. kNotFound ...: it cannot be
///         started. kIo: it failed; the detail is what it said of that.
Result<Diagnosis> run_diagnose(const DiagnoseRequest& request);

/// Only the signature: takes a tenth of the time. @return 32 hexadecimal digits. @errors as above.
Result<std::string> run_signature(const DiagnoseRequest& request);

}  // namespace nines::crash
