#include "app/supervise/cgroup_mover.h"

#include <signal.h>

#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::supervise {

CgroupMover::CgroupMover() {
  // Signals are for the loop's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

CgroupMover::~CgroupMover() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void CgroupMover::move(const sys::Cgroup& cgroup, const ProcessId& process) {
  std::vector<std::string> files;
  for (const std::string& path : cgroup.v1_paths()) files.push_back(path + "/cgroup.procs");
  if (files.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(files), process});
  }
  wake_.notify_one();
}

void CgroupMover::run() {
  for (;;) {
    Move next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    for (const std::string& file : next.files) {
      // The kernel takes a pid here, not a handle: look each time that it is still the same one.
      if (!sys::Procfs().is_running(next.process)) break;
      (void)sys::write_existing(file, std::to_string(next.process.pid)).has_value();
    }
  }
}

}  // namespace nines::supervise
