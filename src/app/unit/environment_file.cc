#include "app/unit/environment_file.h"

#include <fmt/format.h>

#include "app/unit/syntax.h"
#include "app/unit/value.h"

namespace nines::unit {
namespace {

constexpr std::string_view kWhitespace = " \t\r\n";
constexpr std::size_t kMaxRemarks = 100;

bool is_space(char c) {
  return kWhitespace.find(c) != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  EnvironmentFileContents run() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    while (at_ < text_.size()) line();
    return std::move(contents_);
  }

 private:
  char take() {
    const char c = text_[at_++];
    if (c == '\n') ++line_;
    return c;
  }
  bool at_newline() const { return text_[at_] == '\n' || text_[at_] == '\r'; }
  void skip_line() {
    while (at_ < text_.size() && take() != '\n') {
    }
  }
  void skip(int line, std::string message) {
    if (contents_.skipped.size() < kMaxRemarks)
      contents_.skipped.push_back({line, std::move(message)});
  }

  void line() {
    while (at_ < text_.size() && is_space(text_[at_])) take();
    if (at_ == text_.size()) return;
    if (text_[at_] == '#' || text_[at_] == ';') return skip_line();
    const int start_line = line_;
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '=' && !at_newline()) ++at_;
    const std::string_view key = trim(text_.substr(start, at_ - start));
    if (at_ == text_.size() || at_newline()) {
      skip(start_line, "no '='");
      return;
    }
    ++at_;
    add(start_line, key, value());
  }

  /// The value up to the end of its (logical) line, quotes and escapes undone.
  std::string value() {
    std::string out;
    std::size_t keep = 0;  // length of `out` that trailing white space must not be trimmed from
    while (at_ < text_.size() && is_space(text_[at_]) && !at_newline()) ++at_;
    bool before_text = true;  // quotes count only at the beginning, or right after quotes
    while (at_ < text_.size() && !at_newline()) {
      const char c = take();
      if (c == '\\') {
        escape(out);
        keep = out.size();
        before_text = false;
      } else if (before_text && c == '\'') {
        single_quoted(out);
        keep = out.size();
      } else if (before_text && c == '"') {
        double_quoted(out);
        keep = out.size();
      } else if (!(before_text && is_space(c))) {
        out += c;
        before_text = false;
      }
    }
    while (out.size() > keep && is_space(out.back())) out.pop_back();
    return out;
  }

  /// After a backslash outside of quotes: the next character as it is, a newline vanishes.
  void escape(std::string& out) {
    if (at_ == text_.size()) return;
    if (const char c = take(); c != '\n' && c != '\r') out += c;
  }

  void single_quoted(std::string& out) {
    while (at_ < text_.size()) {
      const char c = take();
      if (c == '\'') return;
      out += c;
    }
  }

  void double_quoted(std::string& out) {
    constexpr std::string_view kEscapable = "\"\\`$";
    while (at_ < text_.size()) {
      char c = take();
      if (c == '"') return;
      if (c != '\\' || at_ == text_.size()) {
        out += c;
        continue;
      }
      c = take();
      if (c == '\n') continue;
      // As a shell does: the backslash stays before what needs no escape.
      if (kEscapable.find(c) == std::string_view::npos) out += '\\';
      out += c;
    }
  }

  void add(int line, std::string_view key, std::string value) {
    if (!valid_variable_name(key)) {
      skip(line, "not the name of a variable before '='");
    } else if (value.find('\0') != std::string::npos) {
      skip(line, fmt::format("{}: a NUL byte in the value", key));
    } else if (valid_utf8_prefix(value) != value.size()) {
      skip(line, fmt::format("{}: the value is not UTF-8", key));
    } else {
      contents_.variables.emplace_back(key, std::move(value));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  EnvironmentFileContents contents_;
};

}  // namespace

EnvironmentFileContents load_environment_file(std::string_view text) {
  return Parser(text).run();
}

}  // namespace nines::unit
