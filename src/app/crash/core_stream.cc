#include "app/crash/core_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "app/crash/timed_read.h"

namespace nines::crash {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBlock = std::size_t{256} << 10;

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
  const auto append = [&](std::size_t more) {
    const std::size_t had = start.bytes.size();
    start.bytes.resize(had + more);
    return read_exactly(stream, start.bytes.data() + had, more, deadline);
  };
  NINES_TRY(append(elf::kCoreStart));
  NINES_ASSIGN(const std::size_t size, elf::core_head_size(start.bytes));
  if (size > start.bytes.size()) {
    NINES_TRY(append(size - start.bytes.size()));
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
