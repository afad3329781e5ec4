#include "app/supervise/keeper_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/fault_point.h"
#include "sys/spawn.h"
#include "sys/unix_socket.h"

extern char** environ;

namespace nines::supervise {

using keeper::Message;

Result<std::map<std::string, UniqueFd>> KeeperLink::receive_held() {
  std::map<std::string, UniqueFd> held;
  for (;;) {
    NINES_ASSIGN(auto datagram, sys::receive_message(socket_.get(), keeper::kMaxMessageBytes, 0));
    if (!datagram) continue;
    NINES_ASSIGN(Message message, keeper::decode(datagram->bytes));
    if (message.kind == Message::Kind::kRestored) return held;
    if (message.kind != Message::Kind::kFd) {
      early_.push_back(std::move(message));
      continue;
    }
    if (datagram->fds.size() != 1 || datagram->truncated) {
      return Error(ErrorCode::kCorrupt, "receive held descriptor", message.name)
          .with_detail("its descriptor is missing")
          .with_hint("raise the limit of open files (ulimit -n)");
    }
    held[message.name] = std::move(datagram->fds.front());
  }
}

void KeeperLink::start(sys::EventLoop& loop, Handlers handlers) {
  handlers_ = std::move(handlers);
  for (const Message& message : std::exchange(early_, {})) deliver(message);
  subscription_ = loop.on_readable(socket_.get(), [this] { receive(); });
}

void KeeperLink::receive() {
  // Bounded: units that crash as fast as they are started send exits as fast as we take them, and
  // the API, the logs and the timers must have their turn. The rest keeps the socket readable.
  constexpr int kMaxMessages = 16;
  for (int i = 0; i < kMaxMessages; ++i) {
    auto datagram = sys::receive_message(socket_.get(), keeper::kMaxMessageBytes);
    if (!datagram) {
      subscription_.reset();
      handlers_.on_lost();
      return;
    }
    if (!*datagram) return;
    // The keeper is ours and of our version; what it never says is dropped rather than obeyed.
    if (auto message = keeper::decode((*datagram)->bytes)) deliver(*message);
  }
}

void KeeperLink::deliver(const Message& message) {
  if (message.kind == Message::Kind::kExit) handlers_.on_exit(message.exit);
  if (message.kind == Message::Kind::kSignal) handlers_.on_signal(static_cast<int>(message.number));
}

Status KeeperLink::say(const Message& message, int fd) {
  return sys::send_message(socket_.get(), keeper::encode(message),
                           fd >= 0 ? std::vector<int>{fd} : std::vector<int>{});
}

Status KeeperLink::store(const std::string& name, int fd) {
  stored_[name] = fd;
  return say({Message::Kind::kStore, name, 0, {}}, fd);
}

// From here on nothing is reported: a dead keeper is noticed once, by on_lost.
void KeeperLink::drop(const std::string& name) {
  // Also what only a predecessor had stored: an unclaimed listener would keep its address for ever.
  stored_.erase(name);
  (void)say({Message::Kind::kDrop, name, 0, {}}).has_value();
}

void KeeperLink::acknowledge(std::uint64_t sequence) {
  fault::pass(FaultPoint::exit_before_ack);
  (void)say({Message::Kind::kAck, {}, sequence, {}}).has_value();
}

void KeeperLink::ready() {
  (void)say({Message::Kind::kReady, {}, 0, {}}).has_value();
}

void KeeperLink::request_reexec() {
  (void)say({Message::Kind::kReexec, {}, 0, {}}).has_value();
}

void KeeperLink::finish(int exit_code) {
  (void)say({Message::Kind::kFinish, {}, static_cast<std::uint64_t>(exit_code), {}}).has_value();
}

Status KeeperLink::replace_keeper(const std::string& keeper_path,
                                  const std::vector<std::string>& worker_argv) {
  NINES_ASSIGN(auto pair, sys::seqpacket_pair());
  sys::SpawnRequest request;
  request.path = keeper_path;
  request.argv = {keeper_path, "--takeover", std::to_string(keeper::kWorkerSocketFd), "--"};
  request.argv.insert(request.argv.end(), worker_argv.begin(), worker_argv.end());
  for (char** entry = environ; *entry != nullptr; ++entry) request.environment.emplace_back(*entry);
  request.stdout_fd = STDOUT_FILENO;
  request.stderr_fd = STDERR_FILENO;
  request.pass_fds = {pair.second.get()};
  request.new_session = true;
  NINES_TRY(sys::spawn(request));
  socket_ = std::move(pair.first);
  for (const auto& [name, fd] : stored_) NINES_TRY(say({Message::Kind::kStore, name, 0, {}}, fd));
  return {};
}

}  // namespace nines::supervise
