// A diagnosis as the JSON document that is printed, kept and served.
#pragma once

#include <string>
#include <string_view>

#include "app/crash/diagnosis.h"
#include "base/result.h"

namespace nines::crash {

/// One line of ASCII: what is not, in names that others chose, is escaped. Addresses are
/// hexadecimal text, since JSON's numbers have 53 bits.
std::string diagnosis_json(const Diagnosis& diagnosis);

/// @errors kCorrupt: no such document.
Result<Diagnosis> parse_diagnosis(std::string_view text);

}  // namespace nines::crash
