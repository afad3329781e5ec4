#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "app/supervise/notify.h"

namespace nines::supervise {
namespace {

// One unit that floods the socket must not keep the loop from everybody else.
constexpr int kMaxMessagesPerWakeUp = 64;
constexpr int kReceiveBufferBytes = 8 << 20;  // as systemd's NOTIFY_RCVBUF_SIZE

Status prepare(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    return Error::from_errno(errno, "ask for credentials on", "notify socket");
  }
  // Only root may go beyond net.core.rmem_max; anyone else gets that.
  const int size = kReceiveBufferBytes;
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    (void)::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  return {};
}

// What sd_notify_barrier() sends; it says nothing that anybody else needs to know.
bool is_barrier_alone(std::string_view bytes) {
  while (bytes.ends_with('\n') || bytes.ends_with('\0')) bytes.remove_suffix(1);
  return bytes == "BARRIER=1";
}

int socket_option(int socket, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

}  // namespace

struct NotifySocket::State : std::enable_shared_from_this<NotifySocket::State> {
  UniqueFd socket;
  Handler handler;
  sys::Subscription readable;
  std::uint64_t dropped = 0;
  bool closed = false;
  bool delivering = false;

  void deliver(sys::Datagram datagram) {
    if (datagram.truncated || !datagram.sender) {
      ++dropped;
      return;
    }
    auto message = parse_notify(datagram.bytes);
    if (!message) {
      ++dropped;
      return;
    }
    std::vector<UniqueFd> fds;
    if (message->fd_store && !message->barrier) fds = std::move(datagram.fds);
    if (!is_barrier_alone(datagram.bytes)) {
      // A copy: the handler may destroy the socket and with it the original.
      const Handler call = handler;
      call(std::move(*message), *datagram.sender, std::move(fds));
    }
    // What was not handed on is closed here: after the handler, since that is what BARRIER=1 waits
    // for.
  }

  /// A message is looked at, acted upon and only then taken from the queue: should we be killed in
  /// between, our successor finds it there, and a READY=1 is not lost. Hence it may come twice.
  void receive() {
    const auto self = shared_from_this();
    if (std::exchange(delivering, true)) return;
    for (int i = 0; i < kMaxMessagesPerWakeUp && !closed; ++i) {
      auto received =
          sys::receive_message(socket.get(), kMaxNotifyBytes + 1, MSG_DONTWAIT | MSG_PEEK);
      // Nothing we could do about an error: the next wake-up tries again.
      if (!received || !*received) break;
      deliver(std::move(**received));
      // Without room for them the kernel closes the descriptors that came along.
      (void)::recv(socket.get(), nullptr, 0, MSG_DONTWAIT);
    }
    delivering = false;
  }
};

NotifySocket::NotifySocket(std::shared_ptr<State> state) : state_(std::move(state)) {}
NotifySocket::NotifySocket(NotifySocket&&) noexcept = default;

NotifySocket& NotifySocket::operator=(NotifySocket&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

NotifySocket::~NotifySocket() {
  if (!state_) return;
  state_->closed = true;
  state_->readable.reset();
}

Result<NotifySocket> NotifySocket::bind(const std::string& path) {
  NINES_ASSIGN(UniqueFd socket, sys::bind_unix(path, SOCK_DGRAM, 0666));
  return adopt(std::move(socket));
}

Result<NotifySocket> NotifySocket::adopt(UniqueFd socket) {
  if (socket_option(socket.get(), SO_DOMAIN) != AF_UNIX ||
      socket_option(socket.get(), SO_TYPE) != SOCK_DGRAM) {
    return Error(ErrorCode::kInvalidArgument, "adopt notify socket")
        .with_detail("not a unix datagram socket");
  }
  NINES_TRY(prepare(socket.get()));
  auto state = std::make_shared<State>();
  state->socket = std::move(socket);
  return NotifySocket(std::move(state));
}

void NotifySocket::start(sys::EventLoop& loop, Handler handler) {
  state_->readable.reset();  // epoll takes a descriptor only once
  state_->handler = std::move(handler);
  state_->readable =
      loop.on_readable(state_->socket.get(), [state = state_.get()] { state->receive(); });
}

void NotifySocket::drain() {
  const auto state = state_;
  state->receive();
}

int NotifySocket::fd() const {
  return state_->socket.get();
}
std::uint64_t NotifySocket::dropped() const {
  return state_->dropped;
}

}  // namespace nines::supervise
