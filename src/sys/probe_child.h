// A forked process that tries something and ends. Private to the feature probes.
#pragma once

#include <sys/types.h>

#include <functional>

namespace nines::sys::probe {

/// Killed and reaped at the latest when this goes, or when this process ends.
class ProbeChild {
 public:
  /// `body` runs in the child, which then ends with what it returns.
  explicit ProbeChild(const std::function<int()>& body);
  ProbeChild(const ProbeChild&) = delete;
  ProbeChild& operator=(const ProbeChild&) = delete;
  ~ProbeChild();

  bool started() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  /// Reaps it once it has ended.
  void wait();

 private:
  pid_t pid_;
};

[[noreturn]] int wait_to_be_killed();

}  // namespace nines::sys::probe
