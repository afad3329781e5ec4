#include "sys/proc_connector.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/clock.h"
#include "sys/proc_connector_wire.h"

namespace nines::sys {
namespace {

constexpr const char* kOp = "subscribe to process events";

/// The kernel answers while our send(2) still runs, so this only bounds its silence, which is how
/// it refuses callers outside of the initial pid and user namespaces.
constexpr auto kAckTimeout = std::chrono::milliseconds(200);

/// Some 20,000 events: what a fork storm makes while this process waits for a CPU.
constexpr int kReceiveBuffer = 4 << 20;

/// Lets pass: answers to a subscription, coredumps, and exits of first threads. BPF loads turn
/// network into host order, but netlink is in host order: so the constants are turned too.
Status attach_filter(int socket) {
  const auto as_loaded = [](std::uint32_t value) { return htonl(value); };
  const std::array program{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, wire::kWhat),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, as_loaded(proc_event::PROC_EVENT_NONE), 6, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, as_loaded(proc_event::PROC_EVENT_COREDUMP), 5,
                           0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, as_loaded(proc_event::PROC_EVENT_EXIT), 0, 5),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, wire::kPid),
      sock_filter BPF_STMT(BPF_MISC | BPF_TAX, 0),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, wire::kTgid),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffffffff),  // the whole message
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog filter{static_cast<unsigned short>(program.size()),
                          const_cast<sock_filter*>(program.data())};
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    return Error::from_errno(errno, "attach filter to proc connector");
  }
  return {};
}

Status send_operation(int socket, proc_cn_mcast_op op, std::uint32_t token) {
  const std::uint32_t operation = op;
  nlmsghdr header{};
  cn_msg message{};
  std::array<char, wire::kEvent + sizeof operation> request{};
  header.nlmsg_len = request.size();
  header.nlmsg_type = NLMSG_DONE;
  message.id = {CN_IDX_PROC, CN_VAL_PROC};
  message.ack = token;
  message.len = sizeof operation;
  std::memcpy(request.data(), &header, sizeof header);
  std::memcpy(request.data() + wire::kMessage, &message, sizeof message);
  std::memcpy(request.data() + wire::kEvent, &operation, sizeof operation);
  if (::send(socket, request.data(), request.size(), 0) < 0) {
    // ECONNREFUSED: the connector lives in the initial network namespace only.
    if (errno == ECONNREFUSED) {
      return Error(ErrorCode::kUnsupported, kOp).with_detail("not in this network namespace");
    }
    return Error::from_errno(errno, kOp);
  }
  return {};
}

struct Received {
  std::array<char, 1024> bytes;
  std::size_t size = 0;
};

enum class Outcome { kMessage, kNothing, kOverrun };

Result<Outcome> receive(int socket, Received& into) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    const ssize_t size = ::recvfrom(socket, into.bytes.data(), into.bytes.size(), MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Outcome::kNothing;
      if (errno == ENOBUFS) return Outcome::kOverrun;
      return Error::from_errno(errno, "read process events");
    }
    // Another process may send to this socket as well; only the kernel (port 0) is believed.
    if (sender.nl_pid != 0 || static_cast<std::size_t>(size) > into.bytes.size()) continue;
    into.size = static_cast<std::size_t>(size);
    return Outcome::kMessage;
  }
}

std::optional<std::uint32_t> word_at(const Received& datagram, std::size_t offset) {
  std::uint32_t value = 0;
  if (datagram.size < offset + sizeof value) return std::nullopt;
  std::memcpy(&value, datagram.bytes.data() + offset, sizeof value);
  return value;
}

/// Waits for the answer to our request. Answers go to every subscriber, so others' come too: ours
/// has our token plus one as its ack (its seq is a count of the kernel's own).
Status await_ack(int socket, std::uint32_t token) {
  const BootTime deadline = boot_now() + kAckTimeout;
  Received datagram;
  for (;;) {
    NINES_ASSIGN(const Outcome outcome, receive(socket, datagram));
    if (outcome == Outcome::kNothing) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - boot_now());
      pollfd poller{socket, POLLIN, 0};
      if (left.count() <= 0) break;
      if (::poll(&poller, 1, static_cast<int>(left.count())) < 0 && errno != EINTR) {
        return Error::from_errno(errno, kOp);
      }
      continue;
    }
    if (outcome == Outcome::kOverrun) continue;
    if (word_at(datagram, wire::kWhat) != proc_event::PROC_EVENT_NONE) continue;
    if (word_at(datagram, wire::kAck) != token + 1) continue;
    const auto error = word_at(datagram, wire::kAckError);
    if (!error) continue;
    if (*error == 0) return {};
    return Error::from_errno(static_cast<int>(*error), kOp);
  }
  return Error(ErrorCode::kUnsupported, kOp)
      .with_detail("no answer from the kernel, as inside a pid or user namespace");
}

void enlarge_receive_buffer(int socket) {
  const int size = kReceiveBuffer;
  // FORCE needs CAP_NET_ADMIN; without it what the system allows must do, an overrun is reported.
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    (void)::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
}

}  // namespace

Result<ProcConnector> ProcConnector::open() {
  UniqueFd socket(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!socket) return Error::from_errno(errno, kOp);
  enlarge_receive_buffer(socket.get());
  // Before the bind: otherwise unfiltered events would already wait.
  NINES_TRY(attach_filter(socket.get()));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno, kOp).with_hint("before Linux 6.6 this needs CAP_NET_ADMIN");
  }
  std::uint32_t token = 0;
  if (::getrandom(&token, sizeof token, 0) != static_cast<ssize_t>(sizeof token)) {
    return Error::from_errno(errno, "draw a random number");
  }
  NINES_TRY(send_operation(socket.get(), PROC_CN_MCAST_LISTEN, token));
  NINES_TRY(await_ack(socket.get(), token));
  return ProcConnector(std::move(socket));
}

ProcConnector& ProcConnector::operator=(ProcConnector&& other) noexcept {
  if (this != &other) {
    unsubscribe();
    socket_ = std::move(other.socket_);
  }
  return *this;
}

ProcConnector::~ProcConnector() {
  unsubscribe();
}

void ProcConnector::unsubscribe() {
  // A socket that is merely closed stays counted, and the kernel makes events for nobody.
  if (socket_) (void)send_operation(socket_.get(), PROC_CN_MCAST_IGNORE, 0).has_value();
}

Result<std::vector<ProcEvent>> ProcConnector::read() {
  // Bounded, so that a storm of exits does not keep the caller from its other work.
  constexpr int kMaxMessages = 4096;
  std::vector<ProcEvent> events;
  Received datagram;
  for (int i = 0; i < kMaxMessages; ++i) {
    NINES_ASSIGN(const Outcome outcome, receive(socket_.get(), datagram));
    if (outcome == Outcome::kNothing) break;
    if (outcome == Outcome::kOverrun) {
      events.push_back({ProcEvent::Kind::kOverrun, 0, {}});
      continue;
    }
    if (const auto event = decode_proc_event(datagram.bytes.data(), datagram.size)) {
      events.push_back(*event);
    }
  }
  return events;
}

}  // namespace nines::sys
