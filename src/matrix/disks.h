// The disks that are really there, and what they say about their health.
#pragma once

#include <string>
#include <vector>

#include "matrix/finding.h"
#include "matrix/host.h"

namespace nines::matrix {

/// Names of block devices that have hardware behind them: "sda", "nvme0n1". Not loop, ram, zram,
/// dm, md; not virtio's, which have no SMART data.
std::vector<std::string> physical_disks(const Host& host);

/// Begins asking all disks, so that they answer beside each other. Does nothing without smartctl.
void begin_disk_health(const Host& host);

/// One finding: healthy, failing, or why it is not known. @pre there are disks.
Finding disk_health(const Host& host);

/// What `smartctl --json --health` says of one disk.
struct DiskVerdict {
  State state = State::kUnknown;
  std::string said;
};
/// @param text  hostile: a disk's firmware has its words in it.
/// @source smartctl(8), --json; exit status bits 0..7
DiskVerdict read_smartctl(const std::string& text);

}  // namespace nines::matrix
