#include "app/crash/core_connection.h"

#include <fmt/format.h>

#include <sys/socket.h>

#include <cerrno>

#include "app/crash/timed_read.h"

namespace nines::crash {
namespace {

#ifndef SO_PEERPIDFD  // Linux 6.5; Debian 12's headers do not have it
constexpr int SO_PEERPIDFD = 77;
#endif

// linux/coredump.h of 6.17, which Debian's headers do not have yet.
struct Request {
  std::uint32_t size, size_ack;
  std::uint64_t mask;
};
struct Answer {
  std::uint32_t size, spare;
  std::uint64_t mask;
};
static_assert(sizeof(Request) == 16 && sizeof(Answer) == 16);
constexpr std::uint64_t kKernelWrites = 1U << 0;
constexpr std::uint64_t kReject = 1U << 2;
constexpr std::uint64_t kWait = 1U << 3;
constexpr std::uint32_t kAgreed = 0;  // COREDUMP_MARK_REQACK

Error corrupt(std::string what) {
  return Error(ErrorCode::kCorrupt, "core socket").with_detail(std::move(what));
}

}  // namespace

Result<CoreConnection> CoreConnection::from_kernel(UniqueFd& connection) {
  int handle = -1;
  socklen_t size = sizeof handle;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERPIDFD, &handle, &size) != 0) {
    if (errno == ENOPROTOOPT) return Error(ErrorCode::kUnsupported, "SO_PEERPIDFD");
    return Error::from_errno(errno, "SO_PEERPIDFD");
  }
  sys::Pidfd process{UniqueFd(handle)};
  NINES_ASSIGN(const sys::CoredumpInfo info, process.coredump());
  if (!info.dumping) {
    return Error(ErrorCode::kUnsupported, "core socket")
        .with_detail(fmt::format("process {} connected to it, and is not being dumped", info.pid));
  }
  return CoreConnection(std::move(connection), std::move(process), info.pid, info.as_user);
}

Result<CoreOffer> CoreConnection::offer(Nanoseconds within) {
  const BootTime deadline = boot_now() + within;
  Request request{};
  NINES_TRY(read_exactly(connection_.get(), &request, sizeof request, deadline));
  // A later kernel says more, behind what we know.
  constexpr std::uint32_t kMost = 4096;
  if (request.size < sizeof request || request.size > kMost) return corrupt("size of the request");
  if (request.size_ack < sizeof(Answer)) return corrupt("size of the answer");
  std::string more(request.size - sizeof request, '\0');
  NINES_TRY(read_exactly(connection_.get(), more.data(), more.size(), deadline));
  offer_ = {(request.mask & kKernelWrites) != 0, (request.mask & kReject) != 0,
            (request.mask & kWait) != 0};
  return offer_;
}

Status CoreConnection::answer(std::uint64_t mask) {
  const Answer answer{sizeof(Answer), 0, mask};
  const ssize_t n = ::send(connection_.get(), &answer, sizeof answer, MSG_NOSIGNAL);
  if (n != sizeof answer) return Error::from_errno(n < 0 ? errno : EIO, "answer the kernel");
  return {};
}

Status CoreConnection::accept(Nanoseconds within) {
  if (!offer_.writes) return corrupt("the kernel writes no core");
  NINES_TRY(answer(kKernelWrites | (offer_.waits ? kWait : 0)));
  std::uint32_t mark = 0;
  NINES_TRY(read_exactly(connection_.get(), &mark, sizeof mark, boot_now() + within));
  if (mark != kAgreed) return corrupt(fmt::format("the kernel refused the answer: {}", mark));
  return {};
}

Status CoreConnection::reject() {
  if (!offer_.rejects) return corrupt("this kernel cannot be told to write nothing");
  return answer(kReject | (offer_.waits ? kWait : 0));
}

}  // namespace nines::crash
