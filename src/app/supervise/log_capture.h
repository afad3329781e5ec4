// Takes what a unit writes to stdout and stderr through a FIFO and puts it into its log.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/supervise/log_file.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/event_loop.h"

namespace nines::supervise {

/// A longer line is split: nobody gets to make us hold an endless one.
inline constexpr std::size_t kMaxLogLineBytes = 16 * 1024;

/// Ends the subscription when destroyed. May outlive the LogCapture.
class LogSubscription {
 public:
  struct Entry;
  LogSubscription() = default;
  explicit LogSubscription(std::shared_ptr<Entry> entry);
  LogSubscription(LogSubscription&&) noexcept = default;
  LogSubscription& operator=(LogSubscription&& other) noexcept;
  ~LogSubscription() { reset(); }
  void reset();

 private:
  std::shared_ptr<Entry> entry_;
};

/// The log of one unit.
///
/// The FIFO has a name, and the unit holds it open for reading too: when all of our processes are
/// killed, the unit still has a reader, so it never gets SIGPIPE; what it writes waits in the FIFO
/// (64 KiB, then the unit waits), and the next daemon opens the same FIFO and goes on.
///
/// Each line gets the UTC time of its arrival in front: "2026-11-22T22:08:01.123Z text". Bytes are
/// kept as they are, whatever they are.
class LogCapture {
 public:
  struct Options {
    std::string fifo_path;  ///< in a directory that only we can write to
    uid_t owner_uid = 0;    ///< of the FIFO: a unit may open /dev/stdout, which opens it again
    gid_t owner_gid = 0;
    LogFile::Options log;
    int pipe_bytes = 0;  ///< F_SETPIPE_SZ, where permitted; 0 leaves the kernel's default, 64 KiB
  };
  /// A whole line with its timestamp, without line end; the view is valid during the call.
  using OnLine = std::function<void(std::string_view line)>;

  /// Opens the FIFO, making it if it is not there, and begins to read: also what waited in it.
  /// Problems of the log file are not errors here (see LogFile).
  /// @errors kExists: the path is something else than a FIFO. kDenied, kNotFound ...
  static Result<std::unique_ptr<LogCapture>> open(sys::EventLoop& loop, Options options);

  ~LogCapture();  ///< takes what still waits (bounded); leaves the FIFO in place
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// A new open file description for the unit's stdout and stderr: O_RDWR and blocking.
  Result<UniqueFd> writer() const;

  /// Calls back for each line from now on, whether or not it could be written to the file. The
  /// callback may end its own subscription, but must not destroy the LogCapture.
  LogSubscription subscribe(OnLine on_line);

  /// Takes what waits in the FIFO now, at most 1 MiB, and ends an unfinished line. For when the
  /// unit has ended and its last words are wanted.
  void drain();

  const LogFile& file() const { return file_; }
  int fd() const { return fifo_.get(); }  ///< for the keeper, if it is to hold the FIFO's content

 private:
  LogCapture(sys::EventLoop& loop, UniqueFd fifo, LogFile::Options log);
  std::size_t read_some();
  void on_readable();
  void take(std::string_view bytes);
  void end_partial_line();
  void arm_partial_timer();
  void publish(std::string_view lines);

  sys::EventLoop& loop_;
  UniqueFd fifo_;
  LogFile file_;
  std::string partial_;  ///< a line whose end has not come yet
  std::unique_ptr<std::vector<std::weak_ptr<LogSubscription::Entry>>> subscribers_;
  sys::Subscription partial_timer_;
  sys::Subscription readable_;
};

}  // namespace nines::supervise
