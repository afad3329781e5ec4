#include "app/unit/syntax.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/unit/printable.h"

namespace nines::unit {
namespace {

constexpr std::string_view kWhitespace = " \t\r\n";
constexpr std::size_t kShown = 60;  // bytes of a wrong line in a message

/// Characters, so continuation bytes (10xxxxxx) do not count.
int count_characters(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

/// @pre  `pieces` is not empty and begins at offset 0.
Location locate_in(std::string_view text, const std::vector<Assignment::Piece>& pieces,
                   std::size_t offset) {
  auto after = std::upper_bound(
      pieces.begin(), pieces.end(), offset,
      [](std::size_t at, const Assignment::Piece& piece) { return at < piece.offset; });
  const Assignment::Piece& piece = *std::prev(after);
  const std::size_t begin = std::min(piece.offset, text.size());
  const std::size_t end = std::clamp(offset, begin, text.size());
  return {piece.location.line,
          piece.location.column + count_characters(text.substr(begin, end - begin))};
}

/// One logical line: physical lines joined where they end in a backslash.
struct LogicalLine {
  std::string text;
  std::vector<Assignment::Piece> pieces;

  Location locate(std::size_t offset) const { return locate_in(text, pieces, offset); }
};

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  SyntaxTree run() {
    if (rest_.size() > kMaxFileBytes) {
      fail({1, 1}, fmt::format("the file is larger than {} MiB; the rest is not read",
                               kMaxFileBytes >> 20));
      rest_ = rest_.substr(0, kMaxFileBytes);
    }
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // byte order mark
    while (!rest_.empty() && !full()) {
      LogicalLine line;
      if (next_logical_line(line)) parse_line(line);
    }
    return std::move(tree_);
  }

 private:
  bool full() {
    if (tree_.errors.size() >= kMaxSyntaxErrors) return true;
    if (tree_.assignments.size() + tree_.sections.size() < kMaxAssignments) return false;
    fail({line_, 1}, fmt::format("more than {} lines that say something", kMaxAssignments));
    return true;
  }

  void fail(Location at, std::string message) {
    if (tree_.errors.size() < kMaxSyntaxErrors) tree_.errors.push_back({at, std::move(message)});
  }

  std::string_view next_physical_line() {
    ++line_;
    const std::size_t newline = rest_.find('\n');
    std::string_view line = rest_.substr(0, newline);
    rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  /// @return false when there is nothing to parse: blank, comment, or an error that was reported.
  bool next_logical_line(LogicalLine& logical) {
    bool continued = true;
    bool usable = true;
    while (continued && (!rest_.empty() || logical.pieces.empty())) {
      std::string_view physical = next_physical_line();
      const std::size_t start = physical.find_first_not_of(kWhitespace);
      // A comment between continued lines does not end the value.
      if (start != std::string_view::npos && (physical[start] == '#' || physical[start] == ';')) {
        if (logical.pieces.empty()) return false;
        continue;
      }
      continued = ends_in_backslash(physical);
      if (continued) physical.remove_suffix(1);
      usable = usable && check_bytes(physical);
      if (logical.text.size() + physical.size() >= kMaxLineBytes) {
        if (usable) fail({line_, 1}, "a line longer than 1 MiB; ignored");
        usable = false;
      }
      if (!usable) continue;  // still consume the continuation
      logical.pieces.push_back({logical.text.size(), {line_, 1}});
      logical.text += physical;
      if (continued) logical.text += ' ';
    }
    return usable && logical.text.find_first_not_of(kWhitespace) != std::string::npos;
  }

  static bool ends_in_backslash(std::string_view line) {
    const std::size_t last = line.find_last_not_of('\\');
    const std::size_t count = line.size() - (last == std::string_view::npos ? 0 : last + 1);
    return count % 2 == 1;
  }

  bool check_bytes(std::string_view physical) {
    const std::size_t nul = physical.find('\0');
    if (nul != std::string_view::npos) {
      fail({line_, count_characters(physical.substr(0, nul)) + 1},
           "a NUL byte; the line is ignored");
      return false;
    }
    const std::size_t valid = valid_utf8_prefix(physical);
    if (valid != physical.size()) {
      fail({line_, count_characters(physical.substr(0, valid)) + 1},
           "bytes that are not UTF-8; the line is ignored");
      return false;
    }
    return true;
  }

  void parse_line(const LogicalLine& line) {
    const std::string_view text = line.text;
    const std::size_t begin = text.find_first_not_of(kWhitespace);
    const std::size_t end = text.find_last_not_of(kWhitespace) + 1;
    if (text[begin] == '[') {
      parse_header(line, begin, end);
      return;
    }
    const std::size_t equals = text.find('=', begin);
    if (equals == std::string_view::npos) {
      fail(line.locate(begin),
           fmt::format("'{}' has no '='", printable(text.substr(begin, end - begin), kShown)));
      return;
    }
    if (equals == begin) {
      fail(line.locate(begin), "no name before '='");
      return;
    }
    if (section_.empty()) {
      fail(line.locate(begin), "an assignment before the first [Section]");
      return;
    }
    add_assignment(line, begin, equals, end);
  }

  void parse_header(const LogicalLine& line, std::size_t begin, std::size_t end) {
    const std::string_view header = std::string_view(line.text).substr(begin, end - begin);
    if (!header.ends_with(']') || header.size() < 3) {
      fail(line.locate(begin),
           fmt::format("'{}' is no section header: [Name]", printable(header, kShown)));
      return;
    }
    section_ = header.substr(1, header.size() - 2);
    tree_.sections.push_back({section_, line.locate(begin)});
  }

  void add_assignment(const LogicalLine& line, std::size_t begin, std::size_t equals,
                      std::size_t end) {
    const std::string_view text = line.text;
    const std::size_t key_end = text.find_last_not_of(kWhitespace, equals - 1) + 1;
    std::size_t value_begin = text.find_first_not_of(kWhitespace, equals + 1);
    if (value_begin == std::string_view::npos || value_begin > end) value_begin = end;
    Assignment assignment;
    assignment.section = section_;
    assignment.key = text.substr(begin, key_end - begin);
    assignment.value = text.substr(value_begin, end - value_begin);
    assignment.key_location = line.locate(begin);
    assignment.pieces.push_back({0, line.locate(value_begin)});
    for (const auto& piece : line.pieces) {
      if (piece.offset <= value_begin || piece.offset >= end) continue;
      assignment.pieces.push_back({piece.offset - value_begin, piece.location});
    }
    tree_.assignments.push_back(std::move(assignment));
  }

  std::string_view rest_;
  int line_ = 0;
  std::string section_;
  SyntaxTree tree_;
};

}  // namespace

Location Assignment::locate(std::size_t offset) const {
  return locate_in(value, pieces, offset);
}

SyntaxTree parse_syntax(std::string_view text) {
  return Parser(text).run();
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
    unsigned low = 0x80;
    unsigned high = 0xbf;
    std::size_t more = 0;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if (lead >= 0xc2 && lead <= 0xdf)
      more = 1;
    else if (lead >= 0xe0 && lead <= 0xef)
      more = 2;
    else if (lead >= 0xf0 && lead <= 0xf4)
      more = 3;
    else
      return i;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    if (text.size() - i <= more) return i;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if (byte < low || byte > high) return i;
      low = 0x80;
      high = 0xbf;
    }
    i += more + 1;
  }
  return i;
}

}  // namespace nines::unit
