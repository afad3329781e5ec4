#include "app/supervise/log_capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

// One read a wake-up: a unit that floods its log gets its turn like all others.
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kDrainBytes = 1 << 20;
constexpr auto kPartialLineDelay = std::chrono::seconds(1);

Status make_fifo(const std::string& path, uid_t uid, gid_t gid) {
  if (::mkfifo(path.c_str(), 0600) != 0) {
    if (errno == EEXIST) return {};
    return Error::from_errno(errno, "create log pipe", path);
  }
  if ((uid == ::geteuid() && gid == ::getegid()) || ::lchown(path.c_str(), uid, gid) == 0) {
    return {};
  }
  const int why = errno;
  ::unlink(path.c_str());
  return Error::from_errno(why, "give log pipe to its unit", path);
}

Status require_fifo(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "examine", path);
  if (S_ISFIFO(info.st_mode)) return {};
  return Error(ErrorCode::kExists, "open log pipe", path).with_detail("is not a FIFO");
}

// O_RDWR for us too: a FIFO without writers would report end of file, and report it on and on.
Result<UniqueFd> open_fifo(const LogCapture::Options& options) {
  const std::string& path = options.fifo_path;
  NINES_TRY(make_fifo(path, options.owner_uid, options.owner_gid));
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
  if (!fd) {
    const int why = errno == ELOOP ? EEXIST : errno;
    return Error::from_errno(why, "open log pipe", path);
  }
  NINES_TRY(require_fifo(fd.get(), path));
  // Refused beyond fs.pipe-user-pages-soft and fs.pipe-max-size; the default serves as well.
  if (options.pipe_bytes > 0) (void)::fcntl(fd.get(), F_SETPIPE_SZ, options.pipe_bytes);
  return fd;
}

}  // namespace

struct LogSubscription::Entry {
  LogCapture::OnLine on_line;
  bool ended = false;
};

LogSubscription::LogSubscription(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}

LogSubscription& LogSubscription::operator=(LogSubscription&& other) noexcept {
  if (this == &other) return *this;
  reset();
  entry_ = std::move(other.entry_);
  return *this;
}

void LogSubscription::reset() {
  if (entry_) entry_->ended = true;
  entry_.reset();
}

LogCapture::LogCapture(sys::EventLoop& loop, UniqueFd fifo, LogFile::Options log)
    : loop_(loop), fifo_(std::move(fifo)), file_(std::move(log)) {}

Result<std::unique_ptr<LogCapture>> LogCapture::open(sys::EventLoop& loop, Options options) {
  NINES_ASSIGN(UniqueFd fifo, open_fifo(options));
  std::unique_ptr<LogCapture> capture(
      new LogCapture(loop, std::move(fifo), std::move(options.log)));
  capture->readable_ =
      loop.on_readable(capture->fifo_.get(), [self = capture.get()] { self->on_readable(); });
  return capture;
}

LogCapture::~LogCapture() {
  drain();
}

Result<UniqueFd> LogCapture::writer() const {
  // By the descriptor and not by the path: what the unit writes to is then the FIFO we read, even
  // if somebody has cleaned up the directory.
  const std::string path = fmt::format("/proc/self/fd/{}", fifo_.get());
  return sys::open_file(path, O_RDWR | O_NOCTTY);
}

LogSubscription LogCapture::subscribe(OnLine on_line) {
  if (!subscribers_) {
    subscribers_ = std::make_unique<std::vector<std::weak_ptr<LogSubscription::Entry>>>();
  }
  auto entry = std::make_shared<LogSubscription::Entry>();
  entry->on_line = std::move(on_line);
  subscribers_->push_back(entry);
  return LogSubscription(std::move(entry));
}

void LogCapture::on_readable() {
  read_some();
}

// @return bytes read; 0: nothing waits.
std::size_t LogCapture::read_some() {
  std::array<char, kReadBytes> buffer;
  const ssize_t n = ::read(fifo_.get(), buffer.data(), buffer.size());
  if (n <= 0) return 0;
  take({buffer.data(), static_cast<std::size_t>(n)});
  return static_cast<std::size_t>(n);
}

void LogCapture::drain() {
  std::size_t taken = 0;
  while (taken < kDrainBytes) {
    const std::size_t n = read_some();
    if (n == 0) break;
    taken += n;
  }
  end_partial_line();
}

// Cuts the bytes into lines; everything complete goes out in one piece.
void LogCapture::take(std::string_view bytes) {
  const std::string prefix = to_iso8601(utc_now()) + ' ';
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4 + partial_.size() + prefix.size() * 2);
  while (!bytes.empty()) {
    const std::size_t room = kMaxLogLineBytes - partial_.size();
    const std::size_t newline = bytes.substr(0, room + 1).find('\n');
    if (newline == std::string_view::npos && bytes.size() <= room) {
      partial_.append(bytes);
      break;
    }
    const std::size_t length = std::min(newline, room);
    out.append(prefix).append(partial_).append(bytes.substr(0, length)).push_back('\n');
    std::string().swap(partial_);
    bytes.remove_prefix(length + (newline == std::string_view::npos ? 0 : 1));
  }
  publish(out);
  if (partial_.empty()) {
    partial_timer_.reset();
  } else if (!partial_timer_) {
    arm_partial_timer();
  }
}

void LogCapture::arm_partial_timer() {
  partial_timer_ = loop_.after(kPartialLineDelay, [this] { end_partial_line(); });
}

void LogCapture::end_partial_line() {
  partial_timer_.reset();
  if (partial_.empty()) return;
  const std::string line = to_iso8601(utc_now()) + ' ' + std::exchange(partial_, {}) + '\n';
  publish(line);
}

void LogCapture::publish(std::string_view lines) {
  if (lines.empty()) return;
  file_.append(lines);
  if (!subscribers_) return;
  // Those who join during a callback see the next batch.
  const auto present = *subscribers_;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    for (const auto& weak : present) {
      const auto entry = weak.lock();
      if (entry && !entry->ended) entry->on_line(lines.substr(0, end));
    }
    lines.remove_prefix(end + 1);
  }
  std::erase_if(*subscribers_, [](const auto& weak) { return weak.expired(); });
  if (subscribers_->empty()) subscribers_.reset();
}

}  // namespace nines::supervise
