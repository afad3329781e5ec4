// What nines-crash-pipe says to the daemon: who dies, over the core socket, with the pipe that the
// core comes through and a handle of the process.
#pragma once

#include <sys/types.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace nines::crash {

struct PipeNotice {
  pid_t pid = 0;
  /// Of the process, as %d told it: 1 is its owner's, 2 is for root alone. @source core(5)
  int dumpable = 2;
};

inline std::string encode(const PipeNotice& notice) {
  return "pipe " + std::to_string(notice.pid) + " " + std::to_string(notice.dumpable) + "\n";
}

/// @return nothing for what encode() never says.
inline std::optional<PipeNotice> decode_pipe_notice(std::string_view line) {
  constexpr std::string_view kWord = "pipe ";
  if (!line.starts_with(kWord) || !line.ends_with('\n')) return std::nullopt;
  const char* const end = line.data() + line.size() - 1;
  PipeNotice notice;
  const auto pid = std::from_chars(line.data() + kWord.size(), end, notice.pid);
  if (pid.ec != std::errc() || pid.ptr == end || *pid.ptr != ' ') return std::nullopt;
  const auto dumpable = std::from_chars(pid.ptr + 1, end, notice.dumpable);
  if (dumpable.ec != std::errc() || dumpable.ptr != end || notice.pid <= 0) return std::nullopt;
  return notice;
}

}  // namespace nines::crash
