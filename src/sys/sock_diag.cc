#include "sys/sock_diag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace nines::sys {
namespace {

constexpr const char* kOp = "ask for sockets";
constexpr std::size_t kReceiveBytes = 32 * 1024;  // what the kernel fills at a time, netlink(7)

/// What one message says of the conversation. @return true: that was the last one.
Result<bool> is_last(const nlmsghdr& header) {
  if (header.nlmsg_type == NLMSG_DONE) return true;
  if (header.nlmsg_type != NLMSG_ERROR) return false;
  if (header.nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return Error(ErrorCode::kCorrupt, kOp);
  nlmsgerr error{};
  std::memcpy(&error, reinterpret_cast<const char*>(&header) + NLMSG_HDRLEN, sizeof error);
  if (error.error == 0) return true;  // an acknowledgement
  return Error::from_errno(-error.error, kOp);
}

}  // namespace

Result<SockDiag> SockDiag::open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) return Error::from_errno(errno, kOp);
  return SockDiag(std::move(socket));
}

Status SockDiag::request(std::uint16_t type, std::uint16_t flags, const inet_diag_req_v2& what) {
  struct {
    nlmsghdr header{};
    inet_diag_req_v2 body{};
  } message;
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = type;
  message.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message.header.nlmsg_seq = ++sequence_;
  message.body = what;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket_.get(), &message, sizeof message, 0,
               reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    return Error::from_errno(errno, kOp);
  }
  return {};
}

/// Reads until the kernel has said all that belongs to the last request.
Status SockDiag::collect(std::vector<TcpListener>& into) {
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    const ssize_t size = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno(errno, kOp);
    if (sender.nl_pid != 0) continue;  // only the kernel is believed
    auto left = static_cast<std::size_t>(size);
    for (const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
         NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_seq != sequence_) continue;
      NINES_ASSIGN(const bool last, is_last(*header));
      if (last) return {};
      if (header->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) continue;
      inet_diag_msg found{};
      std::memcpy(&found, NLMSG_DATA(header), sizeof found);
      into.push_back({found.idiag_inode, found.idiag_family, found.id});
    }
  }
}

Result<std::vector<TcpListener>> SockDiag::tcp_listeners() {
  std::vector<TcpListener> listeners;
  for (const int family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 what{};
    what.sdiag_family = static_cast<std::uint8_t>(family);
    what.sdiag_protocol = IPPROTO_TCP;
    what.idiag_states = 1U << TCP_LISTEN;
    NINES_TRY(request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, what));
    if (Status collected = collect(listeners); !collected) {
      // A kernel without IPv6 knows none of its sockets.
      if (family == AF_INET6 && collected.error().code() == ErrorCode::kNotFound) break;
      return collected.error();
    }
  }
  return listeners;
}

Status SockDiag::destroy(const TcpListener& listener) {
  inet_diag_req_v2 what{};
  what.sdiag_family = listener.family;
  what.sdiag_protocol = IPPROTO_TCP;
  what.idiag_states = 1U << TCP_LISTEN;
  what.id = listener.id;
  NINES_TRY(request(SOCK_DESTROY, NLM_F_ACK, what));
  std::vector<TcpListener> none;
  return collect(none);
}

}  // namespace nines::sys
