// What is known of a crash once its core has been looked at: plain values, from which the report is
// rendered, and which the ledger keeps as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "elf/core_head.h"

namespace nines::crash {

/// One function in a stack. Those that are inlined have the address of the one that they are in,
/// which follows them.
struct DiagnosedFrame {
  std::uint64_t pc = 0;
  std::string module;        ///< path; empty: no file is mapped there
  std::uint64_t offset = 0;  ///< of pc in that file's addresses
  std::string build_id;
  std::string function;  ///< demangled; empty: no name is known
  std::uint64_t function_offset = 0;
  std::string file;
  int line = 0;
  bool inlined = false;
  bool signal = false;  ///< the kernel's, that called a signal handler
  std::string trust;    ///< "context", "cfi"; guesses: "called", "frame-pointer", "scan"
  std::vector<std::pair<std::string, std::string>> arguments;
};

/// Threads that stand at the same place.
struct DiagnosedStack {
  std::vector<std::int32_t> tids;
  std::vector<DiagnosedFrame> frames;  ///< innermost first
  std::uint64_t elided = 0;            ///< frames left out behind the first trace::kHeadFrames
  std::size_t elided_at = 0;           ///< index in `frames` before which they would be
  bool complete = false;
  std::string why_incomplete;
};

struct Classification {
  /// Part of the API: null-dereference, null-call, wild-pointer, wild-jump, execute-data,
  /// write-protected, use-after-unmap, stack-overflow, protection, division, illegal-instruction,
  /// trap, misaligned, truncated-file, memory-error, seccomp, abort, assertion, heap-corruption,
  /// stack-smashing, buffer-overflow, uncaught-exception, signal; watchdog and oom-kill, which no
  /// core tells.
  std::string kind;
  std::string summary;                ///< one sentence
  std::vector<std::string> evidence;  ///< what it follows from, a sentence each
};

struct Signature {
  std::string id;                   ///< 32 hexadecimal digits; equal for the same crash
  std::vector<std::string> frames;  ///< what it is made of: "BUILDID+0xOFFSET"
};

struct DiagnosedModule {
  std::string path;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::string build_id;
  std::string match;  ///< "verified", "unverified", "differs", "missing", "memory"
};

struct Diagnosis {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::string name;
  std::string arguments;
  elf::CoreSignal signal;  ///< what it died of
  std::string signal_name;
  /// It was raised again by a handler: what the handler had got is classified.
  std::optional<elf::CoreSignal> original_signal;
  Classification classification;
  Signature signature;
  std::string instruction;  ///< at which it happened
  std::vector<std::pair<std::string, std::uint64_t>> registers;
  std::size_t thread_count = 0;
  std::vector<DiagnosedStack> stacks;    ///< the one that crashed first
  std::vector<DiagnosedModule> modules;  ///< what was executed first, then by their address
  std::vector<std::string> notes;        ///< what was missing, and what follows from that
};

}  // namespace nines::crash
