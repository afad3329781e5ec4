#include "app/supervise/manager.h"

#include <fmt/format.h>

#include <unistd.h>

#include "app/supervise/event_detail.h"
#include "ledger/cause.h"
#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::supervise {

namespace {

/// Daemons with different directories may keep units of the same name, and each ends whatever it
/// finds in its units' cgroups: so each has a tree of its own.
std::string cgroup_name(const std::string& runtime_dir) {
  if (runtime_dir == "/run/nines") return "nines";
  std::uint32_t hash = 2166136261U;  // FNV-1a: the same in every version of us
  for (const char c : runtime_dir) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return fmt::format("nines-{:08x}", hash);
}

}  // namespace

bool UnitEntry::is_active() const {
  if (service) return service->is_active();
  if (socket) return socket->is_open();
  return target_active;
}

Manager::Manager(ManagerOptions options, sys::EventLoop& loop, KeeperLink& keeper,
                 ledger::EventSink& events)
    : options_(std::move(options)),
      loop_(loop),
      keeper_(keeper),
      events_(events),
      states_(options_.runtime_dir + "/state"),
      cgroups_(sys::CgroupTree::detect(cgroup_name(options_.runtime_dir))) {}

Manager::~Manager() = default;

Status Manager::initialize(std::map<std::string, UniqueFd> held) {
  for (const char* directory : {"/state", "/log", "/transient"}) {
    // 0711: a unit's own user opens its log FIFO through /dev/stdout.
    NINES_TRY(sys::make_directories(options_.runtime_dir + directory, 0711));
  }
  // Without its log a unit still runs; what it prints is counted as lost.
  if (const Status made = sys::make_directories(options_.log_dir, 0755); !made) {
    emit("daemon.no-log-directory", ledger::Severity::kError, {},
         detail({{"error", made.error().message()}}));
  }
  NINES_ASSIGN(table_, ProcessTable::open(options_.runtime_dir + "/processes"));
  context_.emplace(Context{loop_, keeper_, table_, states_, events_, cgroups_, mover_,
                           options_.runtime_dir, options_.log_dir, options_.runtime_dir + "/notify",
                           options_.user_mode});
  options_.load.search_path.insert(options_.load.search_path.begin(),
                                   options_.runtime_dir + "/transient");
  emit(std::string(ledger::kDaemonStartedKind), ledger::Severity::kInfo, {}, "{}");
  NINES_TRY(open_notify(held));
  open_connector();
  load_kept();
  ended_in_order_ = ::unlink(end_mark().c_str()) == 0;
  adopt(held);
  // What nobody claimed belonged to units that are gone.
  for (const auto& [name, fd] : held) {
    if (name.starts_with("socket/") || name.starts_with("store/")) keeper_.drop(name);
  }
  return {};
}

Status Manager::open_notify(std::map<std::string, UniqueFd>& held) {
  const std::string name = "notify";
  if (const auto found = held.find(name); found != held.end()) {
    NINES_ASSIGN(NotifySocket socket, NotifySocket::adopt(std::move(found->second)));
    notify_.emplace(std::move(socket));
    held.erase(found);
  } else {
    NINES_ASSIGN(NotifySocket socket, NotifySocket::bind(context_->notify_path));
    notify_.emplace(std::move(socket));
  }
  NINES_TRY(keeper_.store(name, notify_->fd()));
  return {};
}

void Manager::open_connector() {
  auto connector = sys::ProcConnector::open();
  if (!connector) {
    emit("daemon.no-crash-notice", ledger::Severity::kInfo, {},
         detail({{"error", connector.error().message()}}));
    return;
  }
  connector_.emplace(std::move(*connector));
  connector_watch_ = loop_.on_readable(connector_->fd(), [this] { on_proc_events(); });
}

void Manager::on_proc_events() {
  const auto events = connector_->read();
  if (!events) return;
  for (const sys::ProcEvent& event : *events) {
    if (event.kind != sys::ProcEvent::Kind::kCoredump) continue;
    const auto found = by_pid_.find(event.pid);
    if (found != by_pid_.end()) found->second->on_crash_notice(event.pid, "coredump event");
  }
}

void Manager::on_exit(const keeper::ExitRecord& record) {
  // Its last words may still be in the notify socket.
  if (notify_) notify_->drain();
  const sys::ExitStatus status = sys::exit_status_from_wait(record.wait_status);
  const auto found = by_pid_.find(record.process.pid);
  if (found == by_pid_.end() || !found->second->on_exit(record.process, status, record.time)) {
    for (Service* service : std::set<Service*>(stopping_)) service->check_stopped();
  }
  keeper_.acknowledge(record.sequence);
}

void Manager::on_notify(NotifyMessage message, const sys::PeerCredentials& sender,
                        std::vector<UniqueFd> fds) {
  if (const auto found = by_pid_.find(sender.pid); found != by_pid_.end()) {
    found->second->on_notify(message, sender.pid, std::move(fds));
    return;
  }
  // A helper process of some unit (NotifyAccess=all, or systemd-notify in a script).
  for (const auto& [name, entry] : units_) {
    if (!entry->service || entry->service->state().phase == Phase::kDead) continue;
    if (entry->service->spec().service.notify_access != unit::NotifyAccess::kAll) continue;
    if (!entry->service->owns(sender.pid)) continue;
    entry->service->on_notify(message, sender.pid, std::move(fds));
    return;
  }
}

std::string Manager::emit(std::string kind, ledger::Severity severity, std::string subject,
                          std::string detail_json) {
  ledger::Event event;
  event.id = ledger::new_id();
  std::string id = event.id;
  event.time = utc_now();
  event.since_boot = boot_now();
  event.kind = std::move(kind);
  event.subject = std::move(subject);
  event.severity = severity;
  event.detail_json = std::move(detail_json);
  events_.emit(std::move(event));
  return id;
}

void Manager::process_started(Service& service, pid_t pid) {
  by_pid_[pid] = &service;
}
void Manager::process_ended(pid_t pid) {
  by_pid_.erase(pid);
}

void Manager::process_died(Service& /*service*/, const CrashedUnit& unit, const DeadProcess& dead) {
  if (on_death_) on_death_(unit, dead);
}

void Manager::phase_changed(Service& service, Phase before) {
  const Phase now = service.state().phase;
  if (now == Phase::kStopSignal || now == Phase::kFinalKill) {
    stopping_.insert(&service);
  } else {
    stopping_.erase(&service);
  }
  const std::string name = service.unit().name;
  if (now == Phase::kRunning && before != Phase::kReload) {
    // Not from inside the service's own state change.
    loop_.post([this, name] {
      if (const UnitEntry* entry = find(name); entry && entry->service) back_up(*entry->service);
    });
  }
  if (now == Phase::kFailed || now == Phase::kDead) {
    std::vector<std::string> next =
        now == Phase::kFailed ? service.unit().unit.on_failure : service.unit().unit.on_success;
    if (service.state().pending_outcome == Outcome::kSkipped) next.clear();
    const bool by_request = now == Phase::kDead && !service.state().wanted;
    if (!by_request && !next.empty()) loop_.post([this, next] { start_names(next); });
    if (!by_request) {
      loop_.post([this, name] {
        for (const std::string& upholder : graph().upheld_by(name)) {
          if (is_active(upholder)) start_names({name});
        }
      });
    }
    // Its sockets stay open, if it has any: the next connection starts it.
    loop_.post([this, name] {
      for (auto& [unit, entry] : units_) {
        if (entry->socket && entry->socket->is_open()) watch_for_activation(*entry);
      }
    });
  }
  if (on_change_) on_change_(name);
}

void Manager::checked(Service& service, Nanoseconds latency) {
  if (on_check_) on_check_(service.unit().name, latency);
}

void Manager::went_down(Service& service, bool will_restart) {
  const std::string name = service.unit().name;
  const auto active = [this](const std::string& other) { return is_active(other); };
  for (const Reaction& reaction : graph().on_down(name, will_restart, active)) {
    const auto found = units_.find(reaction.name);
    if (found == units_.end() || !found->second->service) continue;
    Service* other = found->second->service.get();
    const std::string event = emit("unit.follows", ledger::Severity::kInfo, reaction.name,
                                   detail({{"because_of", name}}));
    switch (reaction.kind) {
      case Reaction::Kind::kStop:
        loop_.post([other, name, event] { other->stop([](const Status&) {}, {name, event}); });
        break;
      case Reaction::Kind::kStopAndStart:
        loop_.post([other, name, event] { other->stop_with(name, event); });
        break;
      case Reaction::Kind::kRestart: restart_when_back_[name].insert(reaction.name); break;
    }
  }
}

void Manager::back_up(Service& service) {
  const std::string& name = service.unit().name;
  std::vector<std::string> waiting;
  for (const auto& [other, entry] : units_) {
    if (entry->service && entry->service->state().waits_for.get() == name) waiting.push_back(other);
  }
  start_names(waiting);
  const auto found = restart_when_back_.find(name);
  if (found == restart_when_back_.end()) return;
  const std::set<std::string> others = std::move(found->second);
  restart_when_back_.erase(found);
  for (const std::string& other : others) {
    if (const UnitEntry* entry = find(other); entry && entry->service) {
      entry->service->restart([](const Status&) {}, {name, {}});
    }
  }
}

void Manager::start_names(const std::vector<std::string>& names) {
  if (!names.empty()) request_start(names, [](const Results&) {});
}

void Manager::record_stacks(Service& service, const ProcessId& process,
                            std::function<void()> done) {
  if (!options_.record_stacks || !process.valid()) {
    loop_.post(std::move(done));
    return;
  }
  const std::string name = service.unit().name;
  options_.record_stacks(
      name, process, [this, name, done = std::move(done)](const Result<std::string>& path) {
        emit("unit.stacks", ledger::Severity::kInfo, name,
             path ? detail({{"file", *path}}) : detail({{"error", path.error().message()}}));
        done();
      });
}

void Manager::save_all() {
  for (const auto& [name, entry] : units_) {
    if (entry->service && entry->service->state().phase != Phase::kDead) {
      if (const Status saved = states_.save(entry->service->state()); !saved) {
        emit("unit.state-not-saved", ledger::Severity::kError, name,
             detail({{"error", saved.error().message()}}));
      }
    }
  }
}

}  // namespace nines::supervise
