#include "cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace nines::cli {
namespace {

constexpr std::size_t kBytes = 64 * 1024;

}  // namespace

OutputBuffer::OutputBuffer(int fd) : fd_(fd), buffer_(kBytes) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

OutputBuffer::~OutputBuffer() {
  (void)write_out();
}

bool OutputBuffer::write_out() {
  const char* at = pbase();
  while (failure_ == 0 && at < pptr()) {
    const ssize_t written = ::write(fd_, at, static_cast<std::size_t>(pptr() - at));
    if (written >= 0) {
      at += written;
    } else if (errno == EAGAIN) {
      // Somebody else made the terminal non-blocking.
      pollfd writable{fd_, POLLOUT, 0};
      (void)::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      failure_ = errno;
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return failure_ == 0;
}

OutputBuffer::int_type OutputBuffer::overflow(int_type byte) {
  if (!write_out()) return traits_type::eof();
  if (traits_type::eq_int_type(byte, traits_type::eof())) return traits_type::not_eof(byte);
  *pptr() = traits_type::to_char_type(byte);
  pbump(1);
  return byte;
}

int OutputBuffer::sync() {
  return write_out() ? 0 : -1;
}

}  // namespace nines::cli
