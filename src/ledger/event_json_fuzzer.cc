// Any text: what is accepted must come out of a second round unchanged.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/event_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::ledger;  // NOLINT(google-build-using-namespace): one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto event = event_from_json(text)) {
    const std::string once = to_json_text(*event);
    const auto again = event_from_json(once);
    // Escapes may make the normal form longer than what was read; that alone may refuse it.
    if (!again && once.size() <= kMaxJsonBytes) std::abort();
    if (again && to_json_text(*again) != once) std::abort();
  }
  if (const auto interval = interval_from_json(text)) {
    const std::string once = to_json_text(*interval);
    const auto again = interval_from_json(once);
    if (!again || to_json_text(*again) != once) std::abort();
  }
  return 0;
}
