// One probe for each cell: pure over a Host. docs/matrix.md says what each looks at and what it
// cannot know.
#pragma once

#include "matrix/finding.h"
#include "matrix/host.h"

namespace nines::matrix {

CellReport probe_app_unplanned(const Host& host);
CellReport probe_app_planned(const Host& host);
CellReport probe_app_proactive(const Host& host);
CellReport probe_os_unplanned(const Host& host);
CellReport probe_os_planned(const Host& host);
CellReport probe_os_proactive(const Host& host);
CellReport probe_hw_unplanned(const Host& host);
CellReport probe_hw_planned(const Host& host);
CellReport probe_hw_proactive(const Host& host);

/// What a container cannot have of its host: barred in a container, absent elsewhere.
/// @param what  "kernel", "hardware".
std::vector<Finding> host_findings(const Host& host, const std::string& what);

/// A finding about a file that could not be read for another reason than that it is not there.
Finding unreadable(const Host& host, std::string source, const Error& error, Weight weight);

/// How to get a driver: `modprobe` where this kernel loads modules, else a kernel that has
/// `built_in`, for instance "CONFIG_PSTORE_RAM=y".
std::string driver_advice(const Host& host, std::string modprobe, std::string_view built_in);

}  // namespace nines::matrix
