#include "app/crash/core_stream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace nines::crash {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBlock = std::size_t{256} << 10;

Status wait_readable(int fd, BootTime deadline) {
  const Nanoseconds left = deadline - boot_now();
  if (left.count() <= 0) return Error(ErrorCode::kTimeout, "read the core");
  pollfd readable{fd, POLLIN, 0};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
  (void)::poll(&readable, 1, static_cast<int>(std::min<std::int64_t>(ms, 60'000)));
  return {};
}

/// @return 0 at the end.
Result<std::size_t> read_some(int fd, char* into, std::size_t size, BootTime deadline) {
  for (;;) {
    const ssize_t n = ::read(fd, into, size);
    if (n >= 0) return static_cast<std::size_t>(n);
    // The kernel ends it so when the process is killed in the middle.
    if (errno == ECONNRESET) return std::size_t{0};
    if (errno == EAGAIN) NINES_TRY(wait_readable(fd, deadline));
    if (errno != EAGAIN && errno != EINTR) return Error::from_errno(errno, "read the core");
    if (boot_now() >= deadline) return Error(ErrorCode::kTimeout, "read the core");
  }
}

Status append(int fd, std::size_t size, BootTime deadline, std::string* bytes) {
  std::size_t done = bytes->size();
  bytes->resize(done + size);
  while (done < bytes->size()) {
    NINES_TRY(wait_readable(fd, deadline));
    NINES_ASSIGN(const std::size_t n,
                 read_some(fd, bytes->data() + done, bytes->size() - done, deadline));
    if (n == 0) return Error(ErrorCode::kGone, "read the core's head");
    done += n;
  }
  return {};
}

class Writer {
 public:
  explicit Writer(int fd) : fd_(fd), seeks_(::lseek(fd, 0, SEEK_CUR) >= 0) {}

  Status write(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t to_page = kPage - at_ % kPage;
      const bool whole = to_page == kPage && bytes.size() >= kPage;
      const std::string_view piece = bytes.substr(0, std::min(to_page, bytes.size()));
      if (seeks_ && whole && piece.find_first_not_of('\0') == piece.npos) {
        at_ += kPage;
        bytes.remove_prefix(kPage);
        hole_ = true;
        continue;
      }
      // As many pages as are none of zeros, in one go.
      std::size_t size = piece.size();
      while (seeks_ && size + kPage <= bytes.size() &&
             bytes.substr(size, kPage).find_first_not_of('\0') != bytes.npos) {
        size += kPage;
      }
      if (!seeks_) size = bytes.size();
      if (hole_ && ::lseek(fd_, static_cast<off_t>(at_), SEEK_SET) < 0) {
        return Error::from_errno(errno, "seek in the core");
      }
      hole_ = false;
      NINES_TRY(put(bytes.substr(0, size)));
      bytes.remove_prefix(size);
    }
    return {};
  }

  Status finish() {
    if (!hole_ || ::ftruncate(fd_, static_cast<off_t>(at_)) == 0) return {};
    return Error::from_errno(errno, "write the core");
  }
  std::uint64_t written() const { return at_; }

 private:
  Status put(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::from_errno(errno, "write the core");
      at_ += static_cast<std::uint64_t>(n);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  int fd_;
  bool seeks_;
  bool hole_ = false;
  std::uint64_t at_ = 0;
};

}  // namespace

Result<CoreStart> read_core_start(int stream, BootTime deadline) {
  CoreStart start;
  NINES_TRY(append(stream, elf::kCoreStart, deadline, &start.bytes));
  NINES_ASSIGN(const std::size_t size, elf::core_head_size(start.bytes));
  if (size > start.bytes.size()) {
    NINES_TRY(append(stream, size - start.bytes.size(), deadline, &start.bytes));
  }
  NINES_ASSIGN(start.head, elf::parse_core_head(start.bytes));
  return start;
}

Status copy_core(int stream, std::string_view start, int out, std::uint64_t most,
                 BootTime deadline) {
  Writer writer(out);
  NINES_TRY(writer.write(
      start.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(start.size(), most)))));
  std::vector<char> block(kBlock);
  std::size_t filled = 0;
  while (writer.written() < most) {
    NINES_TRY(wait_readable(stream, deadline));
    NINES_ASSIGN(const std::size_t n,
                 read_some(stream, block.data() + filled, block.size() - filled, deadline));
    filled += n;
    if (n != 0 && filled < block.size()) continue;
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(filled, most - writer.written()));
    NINES_TRY(writer.write({block.data(), size}));
    filled = 0;
    if (n == 0) break;
  }
  return writer.finish();
}

}  // namespace nines::crash
