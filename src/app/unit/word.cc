#include "app/unit/word.h"

#include <fmt/format.h>

namespace nines::unit {
namespace {

constexpr std::string_view kWhitespace = " \t\r\n";

bool is_space(char c) {
  return kWhitespace.find(c) != std::string_view::npos;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(char32_t c, std::string& out) {
  auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

/// \xNN, \NNN, \uNNNN, \UNNNNNNNN. @return bytes taken, 0 if malformed.
std::size_t unescape_number(std::string_view text, std::string& out) {
  const char kind = text[0];
  const bool octal = kind >= '0' && kind <= '7';
  const std::size_t skip = octal ? 0 : 1;
  const std::size_t digits = octal ? 3 : kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
  if (text.size() < skip + digits) return 0;
  char32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int digit = hex_digit(text[skip + i]);
    if (digit < 0 || (octal && digit > 7)) return 0;
    value = value * (octal ? 8 : 16) + static_cast<char32_t>(digit);
  }
  if (value == 0) return 0;  // would end the C string that it becomes
  if (kind == 'u' || kind == 'U') {
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 0;
    append_utf8(value, out);
  } else {
    if (value > 0xff) return 0;
    out += static_cast<char>(value);
  }
  return skip + digits;
}

}  // namespace

std::size_t unescape_c(std::string_view text, std::string& out) {
  if (text.empty()) return 0;
  constexpr std::string_view kNames = "abfnrtv\\\"'s";
  constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\\"' ";
  const std::size_t simple = kNames.find(text[0]);
  if (simple != std::string_view::npos) {
    out += kValues[simple];
    return 1;
  }
  const char c = text[0];
  if (c == 'x' || c == 'u' || c == 'U' || (c >= '0' && c <= '7')) return unescape_number(text, out);
  return 0;
}

Result<std::string> unescape_c_all(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const std::size_t taken = unescape_c(text.substr(i + 1), out);
    if (taken == 0) {
      return Error(ErrorCode::kInvalidArgument, "unescape", std::string(text))
          .with_detail(fmt::format("unknown escape at character {}", i + 1));
    }
    i += taken;
  }
  return out;
}

std::string_view WordReader::rest() {
  while (at_ < value_.size() && is_space(value_[at_])) ++at_;
  return value_.substr(at_);
}

Status WordReader::take_escape(Word& word) {
  const std::size_t start = at_++;  // the backslash
  if (rule_ == WordRule::kKeepEscapes) {
    word.text += '\\';
    return {};
  }
  if (at_ == value_.size()) {
    at_ = start;
    return Error(ErrorCode::kInvalidArgument, "split", "").with_detail("a backslash at the end");
  }
  if (rule_ == WordRule::kCEscapes) {
    const std::size_t taken = unescape_c(value_.substr(at_), word.text);
    at_ += taken;
    if (taken != 0) return {};
    // systemd leaves escapes it does not know as they are, e.g. "\d" of a regular expression.
    word.text += '\\';
  }
  word.text += value_[at_++];
  return {};
}

Status WordReader::take_quoted(char quote, Word& word) {
  const std::size_t start = at_++;
  word.quoted = true;
  while (at_ < value_.size()) {
    if (value_[at_] == quote) {
      ++at_;
      return {};
    }
    if (value_[at_] == '\\') {
      NINES_TRY(take_escape(word));
    } else {
      word.text += value_[at_++];
    }
  }
  at_ = start;
  return Error(ErrorCode::kInvalidArgument, "split", "")
      .with_detail(fmt::format("the quote {} is not closed", quote));
}

Result<std::optional<Word>> WordReader::next() {
  if (rest().empty()) return std::optional<Word>();
  Word word;
  word.offset = at_;
  while (at_ < value_.size() && !is_space(value_[at_])) {
    const char c = value_[at_];
    if (rule_ != WordRule::kPlain && (c == '"' || c == '\'')) {
      NINES_TRY(take_quoted(c, word));
    } else if (rule_ != WordRule::kPlain && c == '\\') {
      NINES_TRY(take_escape(word));
    } else {
      word.text += c;
      ++at_;
    }
  }
  return std::optional<Word>(std::move(word));
}

Result<std::vector<Word>> split_words(std::string_view value, WordRule rule) {
  std::vector<Word> words;
  WordReader reader(value, rule);
  for (;;) {
    NINES_ASSIGN(std::optional<Word> word, reader.next());
    if (!word) return words;
    words.push_back(std::move(*word));
  }
}

}  // namespace nines::unit
