// Where in the program a crash was, in one name.
#pragma once

#include <string>

#include "app/crash/diagnosis.h"

namespace nines::crash {

/// The innermost function that is not of the C or C++ runtime, from the frame of the fault
/// outwards; "FILE+0xOFFSET" where it has no name. Printable ASCII. If all frames are the
/// runtime's, the innermost. @return empty: there are no frames.
std::string crash_site(const Diagnosis& diagnosis);

/// The build-id of what the process executed, or empty.
std::string executable_build_id(const Diagnosis& diagnosis);

}  // namespace nines::crash
