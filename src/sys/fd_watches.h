// Many descriptors behind one: an epoll set that an event loop watches like a single descriptor.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>

#include "base/unique_fd.h"

namespace nines::sys {

/// Asio keeps more than half a KiB for each descriptor (a mutex and three queues of operations),
/// which for a thousand units' log pipes is most of what they cost us. Here it is one small object
/// each. Level-triggered, like poll(2).
class FdWatches {
 public:
  /// Watches while it lives. @pre  the set lives longer.
  class Watch {
   public:
    /// @errors throws std::system_error: no such descriptor, or it cannot be waited for.
    Watch(FdWatches& set, int fd, std::uint32_t events, std::function<void()> ready);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    friend class FdWatches;
    FdWatches& set_;
    std::function<void()> ready_;
    int fd_;
  };

  /// @errors throws std::system_error: no descriptor or memory is left.
  FdWatches();
  FdWatches(const FdWatches&) = delete;
  FdWatches& operator=(const FdWatches&) = delete;

  /// Readable while one of the watched descriptors is ready.
  int fd() const { return epoll_.get(); }
  /// Calls what waits for a descriptor that is ready now; a few of them, so that timers and others
  /// get their turn. A callback may end any Watch, its own too; it must not call this again.
  void run_ready();

 private:
  UniqueFd epoll_;
  Watch* running_ = nullptr;  ///< whose callback runs now; null when that ended it
};

}  // namespace nines::sys
