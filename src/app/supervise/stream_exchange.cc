#include "app/supervise/stream_exchange.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "app/supervise/health_probe.h"

namespace nines::supervise {

StreamExchange::StreamExchange(sys::EventLoop& loop, HealthTarget target, std::string to_send,
                               Judge judge, Done done)
    : loop_(loop),
      target_(std::move(target)),
      to_send_(std::move(to_send)),
      judge_(std::move(judge)),
      done_(std::move(done)) {}

void StreamExchange::start() {
  try_next_address(std::nullopt);
}

std::string_view StreamExchange::waiting_for() const {
  switch (phase_) {
    case Phase::kConnecting: return "connection not accepted";
    case Phase::kSending: return "what was sent is not read";
    case Phase::kReceiving: return received_.empty() ? "no answer" : "answer not complete";
  }
  return "no answer";
}

Error StreamExchange::failure(int errno_value, const char* op) const {
  // The everyday cases in an operator's words, the rest in the kernel's.
  const char* words = nullptr;
  if (errno_value == ECONNREFUSED) words = "refused";
  if (errno_value == ENOENT) words = "no such socket";
  if (errno_value == EAGAIN) words = "the queue of waiting connections is full";
  if (errno_value == ECONNRESET || errno_value == EPIPE) words = "connection reset";
  if (words == nullptr) return Error::from_errno(errno_value, op, target_.text);
  return Error(error_code_from_errno(errno_value), op, target_.text).with_detail(words);
}

// Begins to connect to the next address; when there is none left, the last failure is the result.
void StreamExchange::try_next_address(std::optional<Error> last) {
  watch_.reset();
  while (next_address_ < target_.addresses.size()) {
    const auto& [address, size] = target_.addresses[next_address_++];
    socket_.reset(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_) {
      last = failure(errno, "create socket for");
      continue;
    }
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0 ||
        errno == EINPROGRESS) {
      watch_ = loop_.on_writable(socket_.get(), [this] { on_writable(); });
      return;
    }
    last = failure(errno, "connect");
  }
  socket_.reset();
  finish(std::move(*last));
}

void StreamExchange::on_writable() {
  if (phase_ == Phase::kConnecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      try_next_address(failure(error, "connect"));
      return;
    }
    phase_ = Phase::kSending;
  }
  send_more();
}

void StreamExchange::send_more() {
  while (sent_ < to_send_.size()) {
    const ssize_t n =
        ::send(socket_.get(), to_send_.data() + sent_, to_send_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
      finish(failure(errno, "send to"));
      return;
    }
    sent_ += static_cast<std::size_t>(n);
  }
  if (!judge_) {
    finish({});
    return;
  }
  phase_ = Phase::kReceiving;
  watch_.reset();  // one watch a descriptor: epoll takes it only once
  watch_ = loop_.on_readable(socket_.get(), [this] { receive_more(); });
}

void StreamExchange::receive_more() {
  std::array<char, 8192> buffer;
  const std::size_t room = std::min(buffer.size(), kMaxAnswerBytes - received_.size());
  const ssize_t n = ::recv(socket_.get(), buffer.data(), room, 0);
  if (n < 0) {
    if (errno == EINTR || errno == EAGAIN) return;
    finish(failure(errno, "receive from"));
    return;
  }
  received_.append(buffer.data(), static_cast<std::size_t>(n));
  const bool ended = n == 0 || received_.size() >= kMaxAnswerBytes;
  if (auto verdict = judge_(received_, ended)) finish(std::move(*verdict));
}

void StreamExchange::finish(Status status) {
  watch_.reset();
  socket_.reset();
  const auto done = std::move(done_);
  done(std::move(status));
}

}  // namespace nines::supervise
