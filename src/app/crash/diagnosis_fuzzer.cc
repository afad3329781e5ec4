// Fuzzes the document that a child hands over, which may have been taken over by what it read.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/crash/diagnosis_json.h"
#include "app/crash/report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::crash;
  const auto diagnosis = parse_diagnosis({reinterpret_cast<const char*>(data), size});
  if (!diagnosis) return 0;
  for (const ReportLength length : {ReportLength::kShort, ReportLength::kFull}) {
    for (const char c : report_text(*diagnosis, length)) {
      if (c != '\n' && (c < 0x20 || c > 0x7e)) std::abort();
    }
  }
  const std::string once = diagnosis_json(*diagnosis);
  const auto again = parse_diagnosis(once);
  if (!again || diagnosis_json(*again) != once) std::abort();
  return 0;
}
