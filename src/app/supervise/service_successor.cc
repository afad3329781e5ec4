// Service: the process that is to take the place of the present one, until it does.

#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"

namespace nines::supervise {
namespace {

constexpr Nanoseconds kAfterReload = std::chrono::milliseconds(50);

}  // namespace

void Service::launch_successor() {
  standby_timer_.reset();
  if (standby_.valid() && state_.standby_frozen) {
    // A spare waits: it has never served, and is ready.
    if (thaw_standby()) return successor_ready();
    drop_standby();
    return rejuvenation_failed(Error(ErrorCode::kGone, "thaw the spare", unit_->name));
  }
  if (!standby_.valid()) {
    const Status launched = launch(spec().service.exec_start.front(), Role::kStandby, standby_);
    if (!launched) return rejuvenation_failed(launched.error());
  }
  if (!says_ready()) {
    rejuvenation_->timer = context_.loop.after(kWarmUp, [this] { successor_ready(); });
  } else if (const unit::TimeSpan timeout = spec().service.timeout_start) {
    await_successor(*timeout);
  }
}

void Service::await_successor(Nanoseconds timeout) {
  rejuvenation_->timer = context_.loop.after(timeout, [this, timeout] {
    drop_standby();
    rejuvenation_failed(Error(ErrorCode::kTimeout, "start the successor", unit_->name)
                            .with_detail("not ready within " + to_human(timeout)));
  });
}

/// What it says before it serves: of itself, and of the unit's descriptors. What it takes out of
/// the store is out once it serves; the old one might need it again.
void Service::on_successor_message(const NotifyMessage& message, std::vector<UniqueFd> fds) {
  if (message.status) rejuvenation_->status = *message.status;
  if (message.fd_store) {
    for (std::string& name : store_descriptors(message, std::move(fds))) {
      state_.rejuvenation->stored.push_back(std::move(name));
    }
    save();
  }
  if (message.fd_store_remove) {
    for (std::string& name : stored_as(message.fd_name)) {
      rejuvenation_->to_remove.push_back(std::move(name));
    }
  }
  rejuvenation_->said_ready = rejuvenation_->said_ready || message.ready;
  const bool is_awaited =
      says_ready() && !rejuvenation_->said_ready && spec().service.timeout_start;
  if (message.extend_timeout && is_awaited) await_successor(*message.extend_timeout);
  if (message.ready) successor_ready();
}

void Service::successor_ready() {
  if (!rejuvenation_ || rejuvenation_->switched || !standby_.valid()) return;
  if (state_.phase != Phase::kRunning) {
    // A reload, which ends soon, is of the old one; anything else ends the replacement itself.
    rejuvenation_->timer = context_.loop.after(kAfterReload, [this] { successor_ready(); });
    return;
  }
  fault::pass(FaultPoint::successor_ready);
  rejuvenation_->timer.reset();
  stop_watching();
  rejuvenation_->retiring = std::exchange(main_, std::exchange(standby_, LiveProcess{}));
  state_.rejuvenation->retiring = std::exchange(state_.main, std::exchange(state_.standby, {}));
  state_.standby_cgroup_b = !state_.standby_cgroup_b;
  state_.standby_frozen = false;
  rejuvenation_->switched = true;
  state_.status_text = rejuvenation_->status;
  remove_descriptors(rejuvenation_->to_remove);
  state_.invocation_id = state_.rejuvenation->invocation_id;
  if (const auto kills = cgroup_for(Role::kMain)->oom_kills()) state_.oom_kills = *kills;
  become_ready();
  start_watching();
  fault::pass(FaultPoint::successor_serves);
  retire();
}

}  // namespace nines::supervise
