#include "app/crash/sparse_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sys/file.h"

namespace nines::crash {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

bool all_zeros(std::string_view bytes) {
  // Each byte equals the one before it: memcmp() is the fastest loop there is.
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

SparseWriter::SparseWriter(int fd, Bytes most)
    : fd_(fd), most_(most.count), seeks_(::lseek(fd, 0, SEEK_CUR) >= 0) {}

Status SparseWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t to_page = kPage - at_ % kPage;
    const bool whole = to_page == kPage && bytes.size() >= kPage;
    const std::string_view piece = bytes.substr(0, std::min(to_page, bytes.size()));
    if (seeks_ && whole && all_zeros(piece)) {
      at_ += kPage;
      bytes.remove_prefix(kPage);
      hole_ = true;
      continue;
    }
    // As many pages as are none of zeros, in one go.
    std::size_t size = piece.size();
    while (seeks_ && size + kPage <= bytes.size() && !all_zeros(bytes.substr(size, kPage))) {
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

Status SparseWriter::finish() {
  if (!hole_ || ::ftruncate(fd_, static_cast<off_t>(at_)) == 0) return {};
  return Error::from_errno(errno, "write the core");
}

Status SparseWriter::put(std::string_view bytes) {
  if (bytes.size() > most_ - stored_) {
    return Error(ErrorCode::kNoSpace, "write the core")
        .with_detail("more than " + to_string(Bytes{most_}) + " of it are no zeros");
  }
  NINES_TRY(sys::write_all(fd_, bytes, "the core"));
  stored_ += bytes.size();
  at_ += bytes.size();
  return {};
}

}  // namespace nines::crash
