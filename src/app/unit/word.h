// Words of a value: quotes, backslash escapes, and where each word stands.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace nines::unit {

struct Word {
  std::string text;
  std::size_t offset = 0;  ///< of its first byte (also a quote) in the value
  bool quoted = false;     ///< some part stood in quotes, so "" is a word too
};

/// What a backslash means, and whether quotes group.
enum class WordRule : std::uint8_t {
  kPlain,        ///< neither: split at white space only
  kQuoted,       ///< quotes group; a backslash takes the next character as it is
  kCEscapes,     ///< quotes group; \n \t \x41 \101 \u00e4 ... as in C
  kKeepEscapes,  ///< quotes group; backslashes stay (unit names: "dev-sda\x2d1.service")
};

/// Takes word after word from a value.
class WordReader {
 public:
  WordReader(std::string_view value, WordRule rule) : value_(value), rule_(rule) {}

  /// @return the next word, or nothing at the end.
  /// @errors kInvalidArgument: unbalanced quotes or, for kCEscapes, a backslash at the end.
  ///         offset() then tells where.
  /// @source systemd.syntax(7) "Quoting", systemd.service(5) "Command lines"
  Result<std::optional<Word>> next();

  /// Position in the value: the first byte not yet taken.
  std::size_t offset() const { return at_; }
  /// Text not yet taken, without leading white space.
  std::string_view rest();
  void skip(std::size_t bytes) { at_ += bytes; }

 private:
  Status take_quoted(char quote, Word& word);
  Status take_escape(Word& word);

  std::string_view value_;
  WordRule rule_;
  std::size_t at_ = 0;
};

/// All words of a value. @errors as WordReader::next.
Result<std::vector<Word>> split_words(std::string_view value, WordRule rule);

/// Undoes one C escape.
/// @param text  begins after the backslash.
/// @param out   receives the character (UTF-8 for \u and \U).
/// @return bytes taken from `text`; 0 when it is not an escape that C knows, or yields NUL.
std::size_t unescape_c(std::string_view text, std::string& out);

/// Undoes every C escape of a text. @errors kInvalidArgument: an unknown one.
Result<std::string> unescape_c_all(std::string_view text);

}  // namespace nines::unit
