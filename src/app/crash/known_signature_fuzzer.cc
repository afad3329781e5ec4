// Fuzzes what is read of a signature's file, which may be damaged.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/crash/known_signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::crash;
  const auto known = decode_known_signature({reinterpret_cast<const char*>(data), size});
  if (!known) return 0;
  const std::string once = encode(*known);
  const auto again = decode_known_signature(once);
  if (!again || encode(*again) != once) std::abort();
  return 0;
}
