#include "ledger/spool.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/fault_point.h"
#include "sys/file.h"

namespace nines::ledger {
namespace {

constexpr std::string_view kPrefix = "spool-";
constexpr std::string_view kSuffix = ".seg";
// While the directory takes no file, an append shall not pay for an open(2) each time.
constexpr Nanoseconds kRetryFile = std::chrono::milliseconds(200);

std::optional<std::uint64_t> number_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(SpoolOptions options) {
  std::unique_ptr<Spool> spool(new Spool(std::move(options)));
  NINES_TRY(spool->lock());
  NINES_TRY(spool->take_over());
  return spool;
}

std::unique_ptr<Spool> Spool::in_memory(SpoolOptions options) {
  options.directory.clear();
  return std::unique_ptr<Spool>(new Spool(std::move(options)));
}

Spool::~Spool() {
  // Nothing to drain for a successor.
  if (fd_ && current_.records == 0) ::unlink(path_of(current_.number).c_str());
}

Status Spool::lock() {
  const std::string path = options_.directory + "/spool.lock";
  NINES_ASSIGN(lock_fd_, sys::open_file(path, O_RDWR | O_CREAT, 0600));
  // A lock of the process, not of the open file: children between fork and exec do not hold it.
  struct flock wanted{};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  if (::fcntl(lock_fd_.get(), F_SETLK, &wanted) == 0) return {};
  if (errno != EAGAIN && errno != EACCES) return Error::from_errno(errno, "lock", path);
  struct flock holder = wanted;
  const bool known = ::fcntl(lock_fd_.get(), F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK;
  return Error(ErrorCode::kBusy, "lock", path)
      .with_detail(known ? fmt::format("process {} has it", holder.l_pid) : "a process has it");
}

Status Spool::take_over() {
  NINES_ASSIGN(const auto names, sys::list_directory(options_.directory));
  for (const std::string& name : names) {
    const auto number = number_of(name);
    if (!number) continue;
    NINES_ASSIGN(const std::string bytes,
                 sys::read_file(options_.directory + "/" + name, Bytes{options_.limit.count * 2}));
    sealed_.push_back({*number, bytes.size(), decode_segment(bytes).records.size()});
  }
  std::sort(sealed_.begin(), sealed_.end(),
            [](const Segment& a, const Segment& b) { return a.number < b.number; });
  for (const Segment& segment : sealed_) {
    last_number_ = segment.number;
    sealed_bytes_ += segment.bytes;
    sealed_records_ += segment.records;
  }
  return {};
}

std::string Spool::path_of(std::uint64_t number) const {
  return fmt::format("{}/{}{:012}{}", options_.directory, kPrefix, number, kSuffix);
}

std::uint64_t Spool::bound_for(const Record& record) const {
  const std::uint64_t limit = options_.limit.count;
  const auto* event = std::get_if<Event>(&record);
  if (event == nullptr) return limit + limit / 2;
  return event->severity == Severity::kInfo ? limit : limit + limit / 4;
}

Spool::Kept Spool::append(const Record& record) {
  const Status injected = fault::hit(FaultPoint::spool_append);
  const std::lock_guard guard(mutex_);
  frame_.clear();
  if (!append_frame(&frame_, record)) return drop(record);
  if (sealed_bytes_ + current_.bytes + frame_.size() > bound_for(record)) return drop(record);
  Status written = injected ? write_frame() : injected;
  if (!written) return hold_in_memory(record, written.error().message());
  trouble_.clear();
  ++current_.records;
  fault::pass(FaultPoint::spool_appended);
  return Kept::kFile;
}

Status Spool::write_frame() {
  if (options_.directory.empty()) {
    return Error(ErrorCode::kUnsupported, "spool").with_detail("there is no runtime directory");
  }
  if (fd_ && current_.bytes + frame_.size() > options_.segment.count) retire_current();
  if (!fd_) NINES_TRY(begin_segment());
  const ssize_t n = ::write(fd_.get(), frame_.data(), frame_.size());
  if (n == static_cast<ssize_t>(frame_.size())) {
    current_.bytes += frame_.size();
    return {};
  }
  const Error error = n < 0 ? Error::from_errno(errno, "write", path_of(current_.number))
                            : Error::from_errno(ENOSPC, "write", path_of(current_.number));
  // The part that was taken is cut off again; where that fails the decoder passes over it.
  if (n > 0 && ::ftruncate(fd_.get(), static_cast<off_t>(current_.bytes)) != 0) {
    current_.bytes += static_cast<std::uint64_t>(n);
  }
  return error;
}

Status Spool::begin_segment() {
  const BootTime now = boot_now();
  if (now < retry_file_at_) {
    return Error(ErrorCode::kNoSpace, "spool", options_.directory).with_detail(trouble_);
  }
  retry_file_at_ = now + kRetryFile;
  const std::uint64_t number = last_number_ + 1;
  const std::string path = path_of(number);
  NINES_ASSIGN(UniqueFd fd, sys::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600));
  last_number_ = number;
  std::string mark;
  append_frame(&mark, BootMark{options_.boot_id});
  const ssize_t n = ::write(fd.get(), mark.data(), mark.size());
  if (n != static_cast<ssize_t>(mark.size())) {
    const Error error = Error::from_errno(n < 0 ? errno : ENOSPC, "write", path);
    ::unlink(path.c_str());
    return error;
  }
  fd_ = std::move(fd);
  current_ = {number, mark.size(), 0};
  retry_file_at_ = {};
  return {};
}

Spool::Kept Spool::hold_in_memory(const Record& record, std::string why) {
  trouble_ = std::move(why);
  if (memory_.size() >= options_.memory_records) return drop(record);
  memory_.push_back(record);
  return Kept::kMemory;
}

Spool::Kept Spool::drop(const Record& record) {
  const auto* event = std::get_if<Event>(&record);
  if (event == nullptr) {
    ++drops_.intervals;
  } else {
    ++(event->severity == Severity::kInfo ? drops_.info_events : drops_.notable_events);
  }
  return Kept::kDropped;
}

void Spool::seal() {
  const std::lock_guard guard(mutex_);
  if (!fd_ || current_.records == 0) return;
  retire_current();
  // Where this fails, the next append says so.
  if (!begin_segment()) retry_file_at_ = {};
}

void Spool::retire_current() {
  fd_.reset();
  sealed_.push_back(current_);
  sealed_bytes_ += current_.bytes;
  sealed_records_ += current_.records;
  current_ = {};
}

std::vector<Spool::Segment> Spool::sealed() const {
  const std::lock_guard guard(mutex_);
  return {sealed_.begin(), sealed_.end()};
}

Result<DecodedSegment> Spool::read(const Segment& segment) const {
  // A sealed file changes no more, so it is read without the lock that append() needs.
  NINES_ASSIGN(const std::string bytes,
               sys::read_file(path_of(segment.number), Bytes{options_.limit.count * 2}));
  return decode_segment(bytes);
}

Status Spool::remove(const Segment& segment) {
  const std::string path = path_of(segment.number);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, "unlink", path);
  }
  const std::lock_guard guard(mutex_);
  const auto found = std::find_if(sealed_.begin(), sealed_.end(), [&](const Segment& other) {
    return other.number == segment.number;
  });
  if (found == sealed_.end()) return {};
  sealed_bytes_ -= found->bytes;
  sealed_records_ -= found->records;
  sealed_.erase(found);
  retry_file_at_ = {};  // there is room again
  return {};
}

std::vector<Record> Spool::memory() const {
  const std::lock_guard guard(mutex_);
  return {memory_.begin(), memory_.end()};
}

void Spool::drop_memory(std::size_t count) {
  const std::lock_guard guard(mutex_);
  memory_.erase(memory_.begin(),
                memory_.begin() + static_cast<std::ptrdiff_t>(std::min(count, memory_.size())));
  if (memory_.empty()) trouble_.clear();
}

Spool::Backlog Spool::backlog() const {
  const std::lock_guard guard(mutex_);
  const std::uint64_t current_bytes = current_.records > 0 ? current_.bytes : 0;
  return {sealed_records_ + current_.records + memory_.size(), sealed_bytes_ + current_bytes,
          memory_.size()};
}

DropCounts Spool::drops() const {
  const std::lock_guard guard(mutex_);
  return drops_;
}

std::string Spool::trouble() const {
  const std::lock_guard guard(mutex_);
  return trouble_;
}

}  // namespace nines::ledger
