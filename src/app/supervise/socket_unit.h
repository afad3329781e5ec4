// A .socket unit: listening sockets that belong to us and not to the server, so that connections
// wait instead of being refused while the server is replaced.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/supervise/keeper_link.h"
#include "app/unit/spec.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/pidfd.h"

namespace nines::supervise {

/// Opens the sockets of one unit and holds them through the keeper.
class SocketHolder {
 public:
  SocketHolder(std::shared_ptr<const unit::Unit> unit, KeeperLink& keeper)
      : unit_(std::move(unit)), keeper_(keeper) {}

  /// Takes what a predecessor had opened; sockets that are missing are looked for in `donors`
  /// (running processes of the service) before they are bound anew.
  /// @errors of bind(2), naming the Listen*= line; what was open stays open.
  Status open(std::map<std::string, UniqueFd>& held, const std::vector<const sys::Pidfd*>& donors);
  /// Closes all, and removes the paths with RemoveOnStop=.
  void close();

  bool is_open() const { return !sockets_.empty(); }
  /// (FileDescriptorName=, fd) in the order of the Listen*= lines.
  std::vector<std::pair<std::string, int>> descriptors() const;

 private:
  std::string held_name(std::size_t index) const;

  std::shared_ptr<const unit::Unit> unit_;
  KeeperLink& keeper_;
  std::vector<UniqueFd> sockets_;
};

/// Binds one Listen*= line. @errors as above.
Result<UniqueFd> open_listener(const unit::SocketListen& listen, const unit::SocketUnit& settings);

}  // namespace nines::supervise
