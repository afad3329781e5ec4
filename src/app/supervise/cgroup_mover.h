// Moves running processes into cgroup v1 hierarchies, off the loop.
//
// Joining a v1 cgroup waits for an RCU grace period: 4 to 16 ms, measured, more than all the rest
// of a restart together. A unit without limits needs it only for accounting, so it is moved there
// once it serves, by a thread that may wait. (v2 costs nothing: the process is born in it.)
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "sys/cgroup.h"
#include "sys/pidfd.h"

namespace nines::supervise {

class CgroupMover {
 public:
  CgroupMover();
  ~CgroupMover();
  CgroupMover(const CgroupMover&) = delete;
  CgroupMover& operator=(const CgroupMover&) = delete;

  /// Queues a move into the v1 directories of `cgroup`. Failures are ignored: it is only
  /// accounting.
  void move(const sys::Cgroup& cgroup, const ProcessId& process);

 private:
  struct Move {
    std::vector<std::string> files;
    ProcessId process;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Move> queue_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace nines::supervise
