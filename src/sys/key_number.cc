#include "sys/key_number.h"

#include <algorithm>
#include <charconv>

namespace nines::sys {

std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key, int base) {
  constexpr std::string_view kBlanks = " \t";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.size() <= key.size() || !line.starts_with(key)) continue;
    std::string_view rest = line.substr(key.size());
    if (rest[0] != ':' && kBlanks.find(rest[0]) == kBlanks.npos) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
    return parsed.ec == std::errc() ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace nines::sys
