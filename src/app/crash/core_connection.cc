#include "app/crash/core_connection.h"

#include <fmt/format.h>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace nines::crash {
namespace {

#ifndef SO_PEERPIDFD  // Linux 6.5; Debian 12's headers do not have it
constexpr int SO_PEERPIDFD = 77;
#endif

// linux/pidfd.h of 6.16 and linux/coredump.h of 6.17, which Debian's headers do not have yet.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid;
  std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;
  std::uint32_t coredump_mask, spare;
};
static_assert(sizeof(PidfdInfo) == 72);  // PIDFD_INFO_SIZE_VER1
constexpr std::uint64_t kInfoPid = 1U << 0;
constexpr std::uint64_t kInfoCoredump = 1U << 4;
constexpr std::uint32_t kDumped = 1U << 0;
constexpr std::uint32_t kDumpedAsUser = 1U << 2;
constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, PidfdInfo);

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

Status read_exactly(int fd, void* into, std::size_t size, BootTime deadline) {
  auto* bytes = static_cast<char*>(into);
  for (std::size_t done = 0; done < size;) {
    const Nanoseconds left = deadline - boot_now();
    if (left.count() <= 0) return Error(ErrorCode::kTimeout, "read from the core socket");
    pollfd readable{fd, POLLIN, 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
    if (::poll(&readable, 1, static_cast<int>(ms)) <= 0) continue;
    const ssize_t n = ::recv(fd, bytes + done, size - done, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return Error::from_errno(errno, "read from the core socket");
    if (n == 0) return Error(ErrorCode::kGone, "read from the core socket");
    done += static_cast<std::size_t>(n);
  }
  return {};
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
  PidfdInfo info{};
  info.mask = kInfoPid | kInfoCoredump;
  if (::ioctl(process.fd(), kGetInfo, &info) != 0) {
    if (errno == ENOTTY) return Error(ErrorCode::kUnsupported, "PIDFD_GET_INFO");
    return Error::from_errno(errno, "PIDFD_GET_INFO");
  }
  if ((info.mask & kInfoCoredump) == 0 || (info.coredump_mask & kDumped) == 0) {
    return Error(ErrorCode::kUnsupported, "core socket")
        .with_detail(fmt::format("process {} connected to it, and is not being dumped", info.tgid));
  }
  return CoreConnection(std::move(connection), std::move(process), static_cast<pid_t>(info.tgid),
                        (info.coredump_mask & kDumpedAsUser) != 0);
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
  answer_size_ = sizeof(Answer);
  offer_ = {(request.mask & kKernelWrites) != 0, (request.mask & kReject) != 0,
            (request.mask & kWait) != 0};
  return offer_;
}

Status CoreConnection::answer(std::uint64_t mask) {
  const Answer answer{answer_size_, 0, mask};
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
