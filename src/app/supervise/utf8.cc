#include "app/supervise/utf8.h"

#include <fmt/format.h>

#include <cstdint>

namespace nines::supervise {
namespace {

struct Sequence {
  std::size_t length;
  std::uint8_t second_min, second_max;
};

// Table 3-7: the first byte tells the length and the range of the second byte; length 0: none.
Sequence sequence_for(std::uint8_t first) {
  if (first < 0x80) return {1, 0, 0};
  if (first < 0xC2) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first < 0xF0) return {3, 0x80, 0xBF};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first < 0xF4) return {4, 0x80, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const Sequence sequence = sequence_for(byte_at(text, i));
    if (sequence.length == 0 || sequence.length > text.size() - i) return false;
    for (std::size_t k = 1; k < sequence.length; ++k) {
      const std::uint8_t byte = byte_at(text, i + k);
      const std::uint8_t min = k == 1 ? sequence.second_min : 0x80;
      const std::uint8_t max = k == 1 ? sequence.second_max : 0xBF;
      if (byte < min || byte > max) return false;
    }
    i += sequence.length;
  }
  return true;
}

std::string replace_control_characters(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t byte = byte_at(text, i);
    // C1 (U+0080..U+009F) is encoded as C2 80..C2 9F.
    const bool c1 = byte == 0xC2 && i + 1 < text.size() && byte_at(text, i + 1) < 0xA0;
    out += c1 || byte < 0x20 || byte == 0x7F ? '?' : text[i];
    if (c1) ++i;
  }
  return out;
}

std::string quote_bytes(std::string_view bytes, std::size_t max_bytes) {
  std::string out = "\"";
  for (const char c : bytes.substr(0, max_bytes)) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c < 127) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
    }
  }
  return out + (bytes.size() > max_bytes ? "\"..." : "\"");
}

}  // namespace nines::supervise
