// Which host and which boot this is.
#pragma once

#include <string>

#include "base/result.h"
#include "ledger/record.h"
#include "sys/host_root.h"

namespace nines::ledger {

/// Reads machine-id, host name and boot id. A host without machine-id (some containers) goes by
/// its name.
/// @errors kNotFound, kDenied: no /proc. kCorrupt: no boot id in it.
/// @source machine-id(5), random(4)
Result<HostIdentity> detect_host(const sys::HostRoot& root = {});

/// Containers of one host share its kernel, and so its boot id, which the ledger has only once. The
/// boot of a further machine is stored under this one.
std::string shared_boot_id(const std::string& boot_id, const std::string& machine);
/// The inverse: what the kernel calls the boot. Others are returned as they are.
std::string told_boot_id(const std::string& stored, const std::string& machine);

}  // namespace nines::ledger
