// A diagnosis as text for a person.
#pragma once

#include <string>

#include "app/crash/diagnosis.h"

namespace nines::crash {

enum class ReportLength : std::uint8_t {
  kShort,  ///< about twenty lines
  kFull,   ///< every thread, registers, modules
};

/// Pure. What other programs chose as names cannot move a cursor: it is printable ASCII.
std::string report_text(const Diagnosis& diagnosis, ReportLength length);

}  // namespace nines::crash
