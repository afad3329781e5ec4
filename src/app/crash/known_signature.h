// What is known of crashes with one signature: plain values, and the JSON document of each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace nines::crash {

/// One build of the program that crashed so.
struct BuildSeen {
  std::string build_id;  ///< of the executable; empty: it has none, or that is not known
  std::uint64_t count = 0;
  UtcTime first, last;
};

struct KnownSignature {
  std::string id;        ///< 32 hexadecimal digits
  std::string kind;      ///< of the classification, as are the next two; those of the last crash
  std::string summary;   ///< one sentence
  std::string function;  ///< the program's own function in which it was
  std::string program;
  std::uint64_t count = 0;
  UtcTime first_seen, last_seen;
  std::vector<BuildSeen> builds;      ///< at most kMostBuilds; the one seen last is at the end
  std::optional<UtcTime> whole_core;  ///< when a whole core of one was kept for the last time
  std::string note;                   ///< an operator's
  std::string fix;                    ///< what mends it: a link, a version
};

inline constexpr std::size_t kMostBuilds = 16;
/// Bytes that a note or a fix may have.
inline constexpr std::size_t kLongestNote = 4096;

/// Whether it is 32 small hexadecimal digits.
bool is_signature(std::string_view text);

/// One document with a newline at its end. Text that others chose is cut to its bound.
std::string encode(const KnownSignature& known);

/// @errors kCorrupt: no such document. kUnsupported: of a later version.
Result<KnownSignature> decode_known_signature(std::string_view text);

}  // namespace nines::crash
