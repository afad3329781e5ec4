// The worker's end of the line to the keeper (src/keeper/protocol.h).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "keeper/protocol.h"
#include "sys/event_loop.h"

namespace nines::supervise {

class KeeperLink {
 public:
  struct Handlers {
    std::function<void(const keeper::ExitRecord&)> on_exit;
    std::function<void(int signal)> on_signal;
    std::function<void()> on_lost;  ///< the keeper is dead
  };

  explicit KeeperLink(UniqueFd socket) : socket_(std::move(socket)) {}

  /// Receives what the keeper held for our predecessor. Blocks until it has said all.
  /// @return descriptors by name. @errors kGone, kCorrupt.
  Result<std::map<std::string, UniqueFd>> receive_held();

  /// Begins to listen. Exit records that came before are delivered first.
  void start(sys::EventLoop& loop, Handlers handlers);

  /// Has the keeper hold a duplicate; when this returns, the descriptor survives our death.
  /// The caller keeps `fd` open until drop(): a new keeper is given it again.
  /// @pre `name` has no space. @errors kGone.
  Status store(const std::string& name, int fd);
  void drop(const std::string& name);
  void acknowledge(std::uint64_t sequence);
  void ready();
  void request_reexec();
  /// What the top process ends with after we have ended.
  void finish(int exit_code);

  /// Starts another keeper in place of the dead one and gives it all that the old one held.
  /// The caller then ends, and the new keeper starts a worker that is its child.
  /// @errors those of spawn; the caller goes on without keeper.
  Status replace_keeper(const std::string& keeper_path,
                        const std::vector<std::string>& worker_argv);

 private:
  void receive();
  void deliver(const keeper::Message& message);
  Status say(const keeper::Message& message, int fd = -1);

  UniqueFd socket_;
  Handlers handlers_;
  sys::Subscription subscription_;
  std::map<std::string, int> stored_;   ///< borrowed descriptors
  std::vector<keeper::Message> early_;  ///< came before start()
};

}  // namespace nines::supervise
