#include "app/supervise/socket_unit.h"

#include <fmt/format.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "app/supervise/listener_address.h"
#include "base/fault_point.h"
#include "sys/procfs.h"

namespace nines::supervise {
namespace {

bool is_listener_at(int fd, const unit::SocketListen& listen, const ListenerAddress& wanted) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  int accepting = 0;
  socklen_t option_size = sizeof accepting;
  ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &option_size);
  const bool connectionless = listen.kind == unit::SocketListen::Kind::kDatagram;
  return (accepting != 0 || connectionless) && size == wanted.size &&
         std::memcmp(&address, &wanted.storage, size) == 0;
}

/// The same listening socket, taken from a process that already has it.
UniqueFd take_from(const std::vector<const sys::Pidfd*>& donors, const unit::SocketListen& listen) {
  const auto wanted = listener_address(listen);
  if (!wanted) return {};
  constexpr int kHighestFdTried = 64;  // listeners come first in every server
  for (const sys::Pidfd* donor : donors) {
    for (int fd = 3; fd < kHighestFdTried; ++fd) {
      auto copy = donor->get_fd(fd);
      if (copy && is_listener_at(copy->get(), listen, *wanted)) return std::move(*copy);
    }
  }
  return {};
}

}  // namespace

std::string SocketHolder::held_name(std::size_t index) const {
  return fmt::format("socket/{}/{}", unit_->name, index);
}

Status SocketHolder::open(std::map<std::string, UniqueFd>& held,
                          const std::vector<const sys::Pidfd*>& donors) {
  const unit::SocketUnit& settings = *unit_->socket();
  if (settings.accept) {
    return Error(ErrorCode::kUnsupported, "open sockets of", unit_->name)
        .with_detail("Accept=yes (one process for each connection) is not supported")
        .with_hint("use a service that accepts by itself, with Accept=no");
  }
  for (std::size_t i = sockets_.size(); i < settings.listen.size(); ++i) {
    UniqueFd fd;
    if (const auto found = held.find(held_name(i)); found != held.end()) {
      fd = std::move(found->second);
      held.erase(found);
    }
    if (!fd) fd = take_from(donors, settings.listen[i]);
    if (!fd) {
      NINES_ASSIGN(fd, open_listener(settings.listen[i], settings));
      fault::pass(FaultPoint::socket_bound);
    }
    NINES_TRY(keeper_.store(held_name(i), fd.get()));
    fault::pass(FaultPoint::socket_held);
    sockets_.push_back(std::move(fd));
  }
  return {};
}

void SocketHolder::close() {
  const unit::SocketUnit& settings = *unit_->socket();
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    keeper_.drop(held_name(i));
    const unit::SocketListen& listen = settings.listen[i];
    if (settings.remove_on_stop && listen.address.starts_with('/')) {
      ::unlink(listen.address.c_str());
    }
  }
  if (settings.remove_on_stop) {
    for (const std::string& link : settings.symlinks) ::unlink(link.c_str());
  }
  sockets_.clear();
}

std::vector<std::pair<std::string, int>> SocketHolder::descriptors() const {
  const std::string& own = unit_->socket()->fd_name;
  std::vector<std::pair<std::string, int>> result;
  for (const UniqueFd& fd : sockets_)
    result.emplace_back(own.empty() ? unit_->name : own, fd.get());
  return result;
}

}  // namespace nines::supervise
