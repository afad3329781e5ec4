#include "app/crash/timed_read.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace nines::crash {

Result<std::size_t> read_some(int fd, void* into, std::size_t size, BootTime deadline) {
  constexpr std::int64_t kLongest_ms = 60'000;
  for (;;) {
    const Nanoseconds left = deadline - boot_now();
    if (left.count() <= 0) return Error(ErrorCode::kTimeout, "read the core");
    pollfd readable{fd, POLLIN, 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
    if (::poll(&readable, 1, static_cast<int>(std::min<std::int64_t>(ms, kLongest_ms))) <= 0) {
      continue;
    }
    const ssize_t n = ::read(fd, into, size);
    if (n >= 0) return static_cast<std::size_t>(n);
    // The kernel ends it so when the process is killed in the middle.
    if (errno == ECONNRESET) return std::size_t{0};
    if (errno != EAGAIN && errno != EINTR) return Error::from_errno(errno, "read the core");
  }
}

Status read_exactly(int fd, void* into, std::size_t size, BootTime deadline) {
  auto* bytes = static_cast<char*>(into);
  for (std::size_t done = 0; done < size;) {
    NINES_ASSIGN(const std::size_t n, read_some(fd, bytes + done, size - done, deadline));
    if (n == 0) return Error(ErrorCode::kGone, "read the core");
    done += n;
  }
  return {};
}

}  // namespace nines::crash
