// Service: programs that run beside the unit's own: its health check, and what OnPredicted= wants.
// They are known to this daemon alone: a successor knows nothing of them, and needs not.

#include <signal.h>

#include "app/supervise/event_detail.h"
#include "app/supervise/exec_context.h"
#include "app/supervise/service.h"
#include "sys/spawn.h"

namespace nines::supervise {
namespace {

constexpr Nanoseconds kReactionTimeout = std::chrono::seconds(90);

}  // namespace

/// @param inputs  what is particular about this one; the rest is as for all of them.
Result<Service::LiveProcess> Service::spawn_beside(LaunchInputs inputs) {
  inputs.invocation_id = state_.invocation_id.str();
  inputs.user_mode = context_.user_mode;
  if (main_.valid()) inputs.extra_environment["MAINPID"] = std::to_string(main_.id.pid);
  NINES_ASSIGN(Launch prepared, build_spawn_request(inputs));
  NINES_ASSIGN(const unsigned slot, context_.table.allocate());
  prepared.request.sibling = true;
  prepared.request.pid_slot = context_.table.pid_address(slot);
  auto spawned = sys::spawn(prepared.request);
  if (!spawned) {
    context_.table.release(slot);
    return std::move(spawned.error());
  }
  observer_.process_started(*this, spawned->id.pid);
  return LiveProcess{spawned->id, std::move(spawned->pidfd), slot, {}};
}

void Service::run_health_command(std::function<void(Status)> done) {
  LaunchInputs inputs{*unit_, spec().nines.health_check->command};
  // Where the main process is: the other one may be frozen, or about to be emptied.
  inputs.cgroup = cgroup_for(Role::kMain);
  auto started = spawn_beside(std::move(inputs));
  if (!started) return done(std::move(started.error()));
  // A command that outlives its time-out is ended before the next one is started.
  if (health_->command.valid()) {
    (void)health_->command.pidfd.send_signal(SIGKILL).has_value();
    forget(health_->command);
  }
  health_->command = std::move(*started);
  health_->command_done = std::move(done);
}

void Service::react(const unit::ExecCommand& command,
                    std::map<std::string, std::string> environment, const std::string& cause) {
  if (reaction_) return;  // the last one is not over yet
  auto started = start_reaction(command, std::move(environment));
  if (!started) {
    emit("unit.reaction", ledger::Severity::kWarning,
         detail({{"error", started.error().message()}}), cause);
    return;
  }
  reaction_ = std::make_unique<Reaction>();
  reaction_->command = std::move(*started);
  reaction_->cause = cause;
  reaction_->timer = context_.loop.after(kReactionTimeout, [this] {
    (void)reaction_->command.pidfd.send_signal(SIGKILL).has_value();
  });
}

/// Outside of the unit's cgroup: it may restart the unit.
Result<Service::LiveProcess> Service::start_reaction(
    const unit::ExecCommand& command, std::map<std::string, std::string> environment) {
  NINES_ASSIGN(const LogCapture* log, open_log());
  NINES_ASSIGN(const UniqueFd writer, log->writer());
  LaunchInputs inputs{*unit_, command};
  inputs.stdout_fd = writer.get();
  inputs.stderr_fd = writer.get();
  inputs.extra_environment = std::move(environment);
  return spawn_beside(std::move(inputs));
}

}  // namespace nines::supervise
