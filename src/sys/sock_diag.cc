#include "sys/sock_diag.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <algorithm>
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

TcpListener tcp_listener_from(const nlmsghdr& header) {
  inet_diag_msg found{};
  std::memcpy(&found, NLMSG_DATA(&header), sizeof found);
  return {found.idiag_inode, found.idiag_family, found.id, found.idiag_rqueue, found.idiag_wqueue};
}

UnixListener unix_listener_from(const nlmsghdr& header) {
  unix_diag_msg found{};
  std::memcpy(&found, NLMSG_DATA(&header), sizeof found);
  UnixListener listener;
  listener.inode = found.udiag_ino;
  auto left = static_cast<int>(header.nlmsg_len - NLMSG_LENGTH(sizeof found));
  const auto* attribute = reinterpret_cast<const rtattr*>(
      static_cast<const char*>(NLMSG_DATA(&header)) + NLMSG_ALIGN(sizeof found));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    const std::size_t size = RTA_PAYLOAD(attribute);
    if (attribute->rta_type == UNIX_DIAG_NAME) {
      listener.name.assign(static_cast<const char*>(RTA_DATA(attribute)), size);
      const bool abstract = size > 0 && listener.name[0] == '\0';
      if (abstract) listener.name[0] = '@';
      // A path comes with the zero behind it; in an abstract name zeros are characters as others.
      if (!abstract) listener.name.resize(std::min(listener.name.find('\0'), size));
    }
    unix_diag_rqlen queue{};
    if (attribute->rta_type == UNIX_DIAG_RQLEN && size >= sizeof queue) {
      std::memcpy(&queue, RTA_DATA(attribute), sizeof queue);
      listener.waiting = queue.udiag_rqueue;
      listener.backlog = queue.udiag_wqueue;
    }
  }
  return listener;
}

}  // namespace

std::string address_of(const TcpListener& listener) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(listener.family, &listener.id.idiag_src, text.data(), text.size()) == nullptr) {
    return "";
  }
  const int port = ntohs(listener.id.idiag_sport);
  return listener.family == AF_INET6 ? fmt::format("[{}]:{}", text.data(), port)
                                     : fmt::format("{}:{}", text.data(), port);
}

Result<SockDiag> SockDiag::open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) return Error::from_errno(errno, kOp);
  return SockDiag(std::move(socket));
}

Status SockDiag::request(std::uint16_t type, std::uint16_t flags, const void* body,
                         std::size_t size) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(size));
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = ++sequence_;
  std::array<iovec, 2> parts{
      {{&header, NLMSG_HDRLEN}, {const_cast<void*>(body), size}}};  // which sendmsg() only reads
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (::sendmsg(socket_.get(), &message, 0) < 0) return Error::from_errno(errno, kOp);
  return {};
}

/// Reads until the kernel has said all that belongs to the last request.
Status SockDiag::collect(const Each& each) {
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
      each(*header);
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
    NINES_TRY(request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &what, sizeof what));
    const Status collected = collect([&](const nlmsghdr& header) {
      if (header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
      listeners.push_back(tcp_listener_from(header));
    });
    if (!collected) {
      // A kernel without IPv6 knows none of its sockets.
      if (family == AF_INET6 && collected.error().code() == ErrorCode::kNotFound) break;
      return collected.error();
    }
  }
  return listeners;
}

Result<std::vector<UnixListener>> SockDiag::unix_listeners() {
  unix_diag_req what{};
  what.sdiag_family = AF_UNIX;
  what.udiag_states = 1U << TCP_LISTEN;  // unix sockets have TCP's states
  what.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN;
  std::vector<UnixListener> listeners;
  NINES_TRY(request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &what, sizeof what));
  NINES_TRY(collect([&](const nlmsghdr& header) {
    if (header.nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) return;
    listeners.push_back(unix_listener_from(header));
  }));
  return listeners;
}

Status SockDiag::destroy(const TcpListener& listener) {
  inet_diag_req_v2 what{};
  what.sdiag_family = listener.family;
  what.sdiag_protocol = IPPROTO_TCP;
  what.idiag_states = 1U << TCP_LISTEN;
  what.id = listener.id;
  NINES_TRY(request(SOCK_DESTROY, NLM_F_ACK, &what, sizeof what));
  return collect([](const nlmsghdr&) {});
}

}  // namespace nines::sys
