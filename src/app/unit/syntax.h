// The outermost grammar of a unit file: sections, assignments, comments, continuations. Knows no
// directive. The bytes may come from anyone: nothing here trusts them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nines::unit {

/// A place in a file, as editors count: both from 1, columns in characters, not bytes.
struct Location {
  int line = 0;
  int column = 0;
  friend bool operator==(const Location&, const Location&) = default;
};

/// One `key=value`. The value is one string also where it was continued over several lines; it
/// remembers from where each part of it came.
struct Assignment {
  std::string section;
  std::string key;
  std::string value;
  Location key_location;

  /// @return where in the file the byte `offset` of `value` stands; the end for a larger one.
  Location locate(std::size_t offset) const;

  struct Piece {
    std::size_t offset;  ///< in `value`
    Location location;
  };
  std::vector<Piece> pieces;  ///< ascending by offset; never empty
};

struct SectionHeader {
  std::string name;
  Location location;
};

struct SyntaxError {
  Location location;
  std::string message;
};

struct SyntaxTree {
  std::vector<SectionHeader> sections;
  std::vector<Assignment> assignments;
  std::vector<SyntaxError> errors;
};

/// Bounds on hostile input. A line is counted after continuations were joined, as systemd does.
inline constexpr std::size_t kMaxFileBytes = 4 << 20;
inline constexpr std::size_t kMaxLineBytes = 1 << 20;
inline constexpr std::size_t kMaxAssignments = 20'000;
inline constexpr std::size_t kMaxSyntaxErrors = 100;

/// Parses a whole file. Never fails: what is wrong is in `errors`, what is right in the rest.
/// @source systemd.syntax(7)
SyntaxTree parse_syntax(std::string_view text);

/// @return the length of the longest prefix of `text` that is valid UTF-8.
/// @source RFC 3629, section 4
std::size_t valid_utf8_prefix(std::string_view text);

}  // namespace nines::unit
