// What became of one crash: one line, which nines-crash says and the daemon hears.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/types.h"

namespace nines::crash {

struct Outcome {
  std::string error;       ///< why nothing was kept; empty: it was
  std::string error_code;  ///< the ErrorCode's word, with an error
  std::string passed_to;   ///< it was given to the former handler, and nothing was kept
  pid_t pid = 0;
  std::string program;  ///< the file that it ran, without its path; safe to print
  int signal = 0;
  std::size_t threads = 0;
  Bytes memory;         ///< in the core
  Nanoseconds took{0};  ///< until the process could be let go
  std::string note;     ///< what else is to be said, or empty
  /// False: it had changed its privileges, so what it held is for root alone.
  bool by_owner = true;
  std::string unit;        ///< whose process it was; empty: of none
  std::string kind;        ///< of its diagnosis, as the next three; empty: it was not diagnosed
  std::string summary;     ///< one sentence
  std::string function;    ///< the program's own in which it was
  std::string signature;   ///< 32 hexadecimal digits
  UtcTime first_seen;      ///< of the first of them
  std::uint64_t same = 0;  ///< crashes with this signature until now, with this one; 0: not counted
  std::size_t removed = 0;        ///< older crashes, for which there was no room any more
  std::string core;               ///< "full", "minimal", "none"
  std::string core_reason;        ///< why it is not "full", for a person
  std::string core_path;          ///< where the kernel wrote it to, if we did not take it
  Bytes core_packed;              ///< of the whole core, on the disk
  Bytes core_size;                ///< unpacked
  Nanoseconds held{0};            ///< until the process was let go, with the whole core
  std::size_t cores_removed = 0;  ///< older whole cores, whose crashes are kept otherwise
};

/// What `core` may be.
inline constexpr const char* kCoreFull = "full";
inline constexpr const char* kCoreMinimal = "minimal";
inline constexpr const char* kCoreNone = "none";
/// `core_reason` while a whole core is being written: nobody said more before the end.
inline constexpr const char* kUnfinishedCore = "it was not complete when nines-crash ended";

/// No line is longer.
inline constexpr std::size_t kMaxOutcome = 12288;

/// @return one line of JSON, with its newline.
std::string encode(const Outcome& outcome);
/// @return nothing for what encode() never says: whoever says it may be a hostile process by now.
std::optional<Outcome> decode_outcome(std::string_view line);

/// @return at most 64 bytes of printable ASCII; others are '?'.
std::string safe_name(std::string_view name);

}  // namespace nines::crash
