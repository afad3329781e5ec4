#include "app/unit/printable.h"

#include <fmt/format.h>

#include "app/unit/syntax.h"

namespace nines::unit {

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  std::string_view rest = text.substr(0, max_bytes);
  bool cut = rest.size() < text.size();
  while (!rest.empty()) {
    std::size_t plain = valid_utf8_prefix(rest);
    for (std::size_t i = 0; i < plain; ++i) {
      const auto byte = static_cast<unsigned char>(rest[i]);
      // Also C1 controls (U+0080..U+009F), which some terminals obey.
      const bool c1 = byte == 0xc2 && static_cast<unsigned char>(rest[i + 1]) < 0xa0;
      if (byte < 0x20 || byte == 0x7f || c1) plain = i;
    }
    out += rest.substr(0, plain);
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    const std::size_t kLongestCharacter = 4;
    if (cut && rest.size() < kLongestCharacter && static_cast<unsigned char>(rest[0]) >= 0xc2)
      break;
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(rest[0]));
    rest.remove_prefix(1);
  }
  if (cut) out += "...";
  return out;
}

}  // namespace nines::unit
