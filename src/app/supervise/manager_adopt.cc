// Manager: taking over from a predecessor.

#include "app/supervise/event_detail.h"
#include "app/supervise/manager.h"
#include "base/fault_point.h"

namespace nines::supervise {

void Manager::adopt(std::map<std::string, UniqueFd>& held) {
  fault::pass(FaultPoint::adopt_begin);
  std::vector<Error> problems;
  std::vector<UnitState> states = states_.load_all(problems);
  for (const Error& problem : problems) {
    emit("daemon.state-unreadable", ledger::Severity::kError, {},
         detail({{"error", problem.message()}}));
  }
  std::vector<UnitEntry*> sockets;
  for (UnitState& state : states) {
    const auto loaded = load(state.name);
    if (!loaded) {
      // Its processes go on, but without the file nobody knows how to keep it up.
      emit("unit.not-adopted", ledger::Severity::kError, state.name,
           detail({{"error", loaded.error().message()}}));
      continue;
    }
    UnitEntry& entry = **loaded;
    adopted_.push_back(state.name);
    if (entry.service) {
      entry.service->adopt(std::move(state), held);
    } else if (entry.socket) {
      sockets.push_back(&entry);
    } else {
      entry.target_active = state.wanted;
    }
  }
  // After the services: a socket that no keeper held is taken from the process that listens on it.
  for (UnitEntry* entry : sockets) {
    if (const Status opened = start_socket(*entry, held); !opened) {
      emit("socket.lost", ledger::Severity::kError, entry->unit->name,
           detail({{"error", opened.error().message()}}));
    }
  }
  // Exit records that the keeper kept for us come before anybody is declared lost.
  notify_->start(loop_, [this](NotifyMessage message, const sys::PeerCredentials& sender,
                               std::vector<UniqueFd> fds) {
    on_notify(std::move(message), sender, std::move(fds));
  });
  loop_.post([this] { finish_adoption(); });
}

void Manager::finish_adoption() {
  std::size_t running = 0;
  for (const std::string& name : adopted_) {
    UnitEntry& entry = *units_[name];
    if (!entry.service) continue;
    entry.service->finish_adoption();
    if (entry.service->is_active()) ++running;
    const std::string& other = entry.service->state().waits_for;
    if (!other.empty() && is_active(other)) start_names({name});
  }
  if (!adopted_.empty()) {
    emit(
        "daemon.adopted", ledger::Severity::kInfo, {},
        detail({{"units", std::to_string(adopted_.size())}, {"running", std::to_string(running)}}));
  }
}

}  // namespace nines::supervise
