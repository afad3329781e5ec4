#include "ledger/packed_id.h"

namespace nines::ledger {
namespace {

constexpr std::size_t kPackedSize = 16;

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

BlobOrText pack_id(std::string_view id) {
  if (id.size() != 2 * kPackedSize) return {std::string(id), false};
  std::string bytes(kPackedSize, '\0');
  for (std::size_t i = 0; i < kPackedSize; ++i) {
    const int high = digit_value(id[2 * i]);
    const int low = digit_value(id[2 * i + 1]);
    if (high < 0 || low < 0) return {std::string(id), false};
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  return {std::move(bytes), true};
}

std::string unpack_id(std::string bytes, bool is_blob) {
  if (!is_blob) return bytes;
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id(2 * bytes.size(), '\0');
  char* digit = id.data();
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *digit++ = kDigits[byte >> 4];
    *digit++ = kDigits[byte & 15];
  }
  return id;
}

}  // namespace nines::ledger
