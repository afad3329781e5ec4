// A core_pattern that is not ours, taken apart as the kernel does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nines::crash {

/// What the kernel fills in. @source core(5), "Naming of core dump files"
struct PatternFacts {
  std::int64_t pid = 0;  ///< %P; in the process's own namespace %p
  std::int64_t pid_inside = 0;
  std::int64_t thread = 0;  ///< %I; in its own namespace %i
  std::int64_t thread_inside = 0;
  std::uint32_t uid = 0, gid = 0;  ///< %u %g
  int dumpable = 1;                ///< %d
  int signal = 0;                  ///< %s
  std::int64_t time_s = 0;         ///< %t
  std::uint64_t core_limit = 0;    ///< %c
  std::string host;                ///< %h
  std::string name;                ///< %e: what it calls itself
  std::string executable;          ///< %f: the last part; %E: all of it, '!' for '/'
};

/// Of "|PROGRAM ARGUMENT...": the words, cut before anything is filled in. %F becomes 3, where the
/// handle of the process is. %C, the CPU, is not known: 0. What the kernel does not know either
/// becomes nothing.
/// @pre  `pattern` begins with '|'.
std::vector<std::string> command_of(std::string_view pattern, const PatternFacts& facts);

/// Of a file's name.
/// @param with_pid  as core_uses_pid says: ".PID" behind it, unless %p is in it already.
std::string file_of(std::string_view pattern, const PatternFacts& facts, bool with_pid);

}  // namespace nines::crash
