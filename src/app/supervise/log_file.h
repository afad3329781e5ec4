// A log file that rotates by size and survives a full disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"

namespace nines::supervise {

/// Appends whole lines. Never fails towards the caller: what cannot be written is counted, and the
/// file says so as soon as it can be written again.
///
/// FILE is the newest, FILE.1 the one before, up to FILE.`keep`. write(2) to a regular file may
/// still wait for the disk; nothing else here does.
class LogFile {
 public:
  struct Options {
    std::string path;
    std::uint64_t max_bytes = 10 << 20;  ///< rotate before the file grows beyond; 0: never
    unsigned keep = 5;                   ///< rotated files; 0: start over in an empty one
    mode_t mode = 0640;
  };

  /// Opens nothing yet: a log that cannot be written is no reason not to start a unit.
  explicit LogFile(Options options);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  /// Appends `lines`, each ended by '\n', in one write. When the file cannot be opened or written,
  /// as many whole lines as fit are kept, and the others are lost and counted.
  void append(std::string_view lines);

  /// Lines lost since the last time the file reported them.
  std::uint64_t lost_lines() const { return lost_lines_; }
  /// The errno of the last failure; 0: the last append succeeded.
  int last_errno() const { return last_errno_; }

 private:
  bool ensure_open();
  void check_still_there();
  bool rotate();
  enum class Partly : std::uint8_t { kKeepWholeLines, kUndo };
  std::size_t write_lines(std::string_view text, Partly partly);
  std::string lost_report() const;
  void lose(std::string_view lines, int errno_value);

  Options options_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t lost_lines_ = 0;
  std::int64_t last_check_ns_ = 0;
  int last_errno_ = 0;
  int lost_errno_ = 0;
  bool torn_ = false;  ///< the file ends within a line
};

/// The last `count` lines of a log and its rotated files, oldest first, without line ends. Reads
/// backwards, so that it costs what it returns and not what the files hold.
/// @param max_bytes  reads at most about so much; the oldest lines are then missing.
/// @errors kNotFound: there is no such log. kDenied, kIo.
Result<std::vector<std::string>> tail_log(const std::string& path, std::size_t count,
                                          Bytes max_bytes = Bytes{32 << 20});

}  // namespace nines::supervise
