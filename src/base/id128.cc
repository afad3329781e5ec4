#include "base/id128.h"

namespace nines {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<Id128> Id128::parse(std::string_view text) {
  if (text.size() != kDigits) return std::nullopt;
  Id128 id;
  for (std::size_t i = 0; i < kBytes; ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes_[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

std::string Id128::digits() const {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(kDigits, '0');
  char* digit = text.data();
  for (const std::uint8_t byte : bytes_) {
    *digit++ = kHex[byte >> 4];
    *digit++ = kHex[byte & 15];
  }
  return text;
}

}  // namespace nines
