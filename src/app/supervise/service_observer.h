// What a service asks of, and tells, the manager above it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "app/supervise/crashed_unit.h"
#include "app/supervise/dead_process.h"
#include "app/supervise/unit_state.h"
#include "base/clock.h"
#include "base/types.h"

namespace nines::supervise {

class Service;

class ServiceObserver {
 public:
  virtual ~ServiceObserver() = default;
  /// Held listening sockets for this service, in LISTEN_FDS order.
  virtual std::vector<std::pair<std::string, int>> listen_fds(const Service& service) = 0;
  virtual void phase_changed(Service& service, Phase before) = 0;
  /// A health check was answered well, after `latency`.
  virtual void checked(Service& service, Nanoseconds latency) = 0;
  /// An unplanned end of the main process. `will_restart`: by policy.
  virtual void went_down(Service& service, bool will_restart) = 0;
  virtual void process_started(Service& service, pid_t pid) = 0;
  virtual void process_ended(pid_t pid) = 0;
  /// A main process that a signal ended, before anything is done about it.
  virtual void process_died(Service& service, const CrashedUnit& unit, const DeadProcess& dead) = 0;
  /// Records the stacks of all threads of a hanging process, then calls `done` in any case.
  virtual void record_stacks(Service& service, const ProcessId& process,
                             std::function<void()> done) = 0;
};

}  // namespace nines::supervise
