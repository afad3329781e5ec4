// Names that mean something only where systemd runs as PID 1.
#pragma once

#include <string_view>

namespace nines::supervise {

/// True for what systemd itself provides and starts: the targets of systemd.special(7), mounts,
/// slices, devices, swaps, scopes, systemd-*, D-Bus. Files for many of them lie in
/// /lib/systemd/system, so that they load, but to start them would be to boot the host a second
/// time: as a dependency they count as reached.
bool belongs_to_init(std::string_view unit_name);

/// True for a name that nobody needs to start when no file for it exists: belongs_to_init(), and
/// any target, which without a file does nothing but order.
bool reached_without_file(std::string_view unit_name);

}  // namespace nines::supervise
