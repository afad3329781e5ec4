// Which host and which boot this is.
#pragma once

#include "base/result.h"
#include "ledger/record.h"
#include "sys/host_root.h"

namespace nines::ledger {

/// Reads machine-id, host name and boot id. A host without machine-id (some containers) goes by
/// its name.
/// @errors kNotFound, kDenied: no /proc. kCorrupt: no boot id in it.
/// @source machine-id(5), random(4)
Result<HostIdentity> detect_host(const sys::HostRoot& root = {});

}  // namespace nines::ledger
