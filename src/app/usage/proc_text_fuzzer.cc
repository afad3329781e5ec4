// A process names itself, and what it opens.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "app/usage/proc_text.h"
#include "app/usage/small_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::usage;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const SoftLimits limits = parse_limits(text);
  const StatusFacts status = parse_status(text);
  // No number below zero and none that is none can come out.
  for (const double number : {limits.descriptors, limits.tasks_of_user, limits.address_space,
                              limits.data, status.address_space, status.data, status.resident,
                              status.swap, parse_amount(text).value_or(0)}) {
    if (std::isnan(number) || number < 0) std::abort();
  }
  if (const auto file = parse_fdinfo(text); file && file->mount < 0) std::abort();
  for (const char c : shown(text)) {
    if (c < ' ' || c > '~') std::abort();
  }
  return 0;
}
