#include "app/supervise/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/clock.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

constexpr std::int64_t kCheckEveryNs = 1'000'000'000;

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string rotated_name(const std::string& path, unsigned n) {
  return n == 0 ? path : fmt::format("{}.{}", path, n);
}

}  // namespace

LogFile::LogFile(Options options) : options_(std::move(options)) {}

LogFile::~LogFile() {
  if (lost_lines_ > 0 && ensure_open()) write_lines(lost_report(), Partly::kUndo);
}

void LogFile::append(std::string_view lines) {
  if (lines.empty()) return;
  if (!ensure_open()) {
    lose(lines, last_errno_);
    return;
  }
  const bool too_long = options_.max_bytes != 0 && size_ + lines.size() > options_.max_bytes;
  if (too_long && size_ > 0 && !rotate()) {
    lose(lines, last_errno_);
    return;
  }
  if (lost_lines_ == 0) {
    const std::size_t kept = write_lines(lines, Partly::kKeepWholeLines);
    lose(lines.substr(kept), last_errno_);
    return;
  }
  // Report and lines together or not at all: on a disk with just enough room for the report it
  // would otherwise be written for each line that is lost, and nothing else.
  const std::string report = lost_report();
  if (write_lines(report + std::string(lines), Partly::kUndo) == 0) {
    lose(lines, last_errno_);
  } else {
    lost_lines_ = 0;
  }
}

bool LogFile::ensure_open() {
  check_still_there();
  if (fd_) return true;
  fd_.reset(::open(options_.path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
                   options_.mode));
  struct stat info{};
  if (!fd_ || ::fstat(fd_.get(), &info) != 0) {
    last_errno_ = errno;
    fd_.reset();
    return false;
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
  char last = '\n';
  // A writer that was killed, or a power cut, can leave half a line.
  torn_ = size_ > 0 && ::pread(fd_.get(), &last, 1, info.st_size - 1) == 1 && last != '\n';
  return true;
}

// Somebody may have removed or truncated the file; we must neither write into the void for ever
// nor hold the space of a deleted file.
void LogFile::check_still_there() {
  const std::int64_t now = boot_now().ns;
  if (!fd_ || now - last_check_ns_ < kCheckEveryNs) return;
  last_check_ns_ = now;
  struct stat open_file{};
  struct stat named{};
  const bool same = ::fstat(fd_.get(), &open_file) == 0 &&
                    ::stat(options_.path.c_str(), &named) == 0 &&
                    open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
  if (!same) {
    fd_.reset();
    return;
  }
  size_ = static_cast<std::uint64_t>(open_file.st_size);
}

bool LogFile::rotate() {
  if (options_.keep == 0) {
    if (::ftruncate(fd_.get(), 0) != 0) {
      last_errno_ = errno;
      return false;
    }
    size_ = 0;
    torn_ = false;
    return true;
  }
  for (unsigned n = options_.keep; n > 0; --n) {
    const std::string from = rotated_name(options_.path, n - 1);
    if (::rename(from.c_str(), rotated_name(options_.path, n).c_str()) == 0) continue;
    // Gaps in the chain are normal; if the newest cannot move, it must not be written beyond.
    if (n == 1) {
      last_errno_ = errno;
      return false;
    }
  }
  fd_.reset();
  return ensure_open();
}

// One write. When it is cut short, the file is cut back to where its last whole line ends, or to
// where it was.
// @return bytes of `text` that are in the file now.
std::size_t LogFile::write_lines(std::string_view text, Partly partly) {
  last_errno_ = 0;
  if (torn_) {
    if (::write(fd_.get(), "\n", 1) != 1) {
      last_errno_ = errno;
      return 0;
    }
    ++size_;
    torn_ = false;
  }
  ssize_t n = 0;
  do {
    n = ::write(fd_.get(), text.data(), text.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) last_errno_ = errno;
  const auto written = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  std::size_t kept = written;
  if (written < text.size()) {
    // A short write to a regular file means that the disk, the quota or RLIMIT_FSIZE is full.
    if (n >= 0) last_errno_ = ENOSPC;
    kept = partly == Partly::kUndo ? 0 : text.substr(0, written).rfind('\n') + 1;  // npos + 1 is 0
    if (kept < written) torn_ = ::ftruncate(fd_.get(), static_cast<off_t>(size_ + kept)) != 0;
  }
  size_ += torn_ ? written : kept;
  return kept;
}

void LogFile::lose(std::string_view lines, int errno_value) {
  if (lines.empty()) return;
  lost_lines_ += count_lines(lines);
  lost_errno_ = errno_value;
}

std::string LogFile::lost_report() const {
  return fmt::format("{} nines: {} line{} lost: {}\n", to_iso8601(utc_now()), lost_lines_,
                     lost_lines_ == 1 ? "" : "s", std::generic_category().message(lost_errno_));
}

}  // namespace nines::supervise
