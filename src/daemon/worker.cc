#include "daemon/worker.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "api/runtime_dir.h"
#include "app/crash/places.h"
#include "base/log.h"
#include "daemon/access.h"
#include "daemon/core_hook.h"
#include "daemon/runtime_directory.h"
#include "daemon/service_manager.h"
#include "daemon/stack_recording.h"
#include "daemon/worker_state.h"
#include "ledger/host_identity.h"
#include "sys/file.h"
#include "sys/instance_lock.h"
#include "sys/own_program.h"
#include "sys/scheduling.h"

namespace nines::daemon {
namespace {

constexpr Nanoseconds kKeeperRetry = std::chrono::seconds(1);
constexpr Nanoseconds kFlush = std::chrono::seconds(2);

/// When we are gone, `nines why` finds the ledger by the runtime directory that it was told.
void link_ledger(const std::string& runtime_dir, const std::string& database) {
  const std::string link = api::ledger_link_path(runtime_dir);
  (void)::unlink(link.c_str());
  if (::symlink(database.c_str(), link.c_str()) == 0) return;
  log::warning("{}", Error::from_errno(errno, "link", link).message());
}

}  // namespace

Worker::Worker(DaemonOptions options, std::vector<std::string> worker_argv, std::string keeper_path)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->worker_argv = std::move(worker_argv);
  state_->keeper_path = std::move(keeper_path);
}

Worker::~Worker() = default;

bool Worker::leaves_directory_behind() const {
  // A first worker that never became ready has no successor.
  const bool last = state_->over || (!state_->ready && !state_->successor);
  return state_->options.is_private && last;
}

Status Worker::State::take_locks(std::map<std::string, UniqueFd>& held) {
  NINES_TRY(prepare_runtime_directory(options.runtime_dir, options.user_mode));
  struct Wanted {
    const char* name;
    const std::string& directory;
    UniqueFd& fd;
    bool needed;
  };
  const Status made = sys::make_directories(options.state_dir, 0755);
  if (!made) log::warning("{}", made.error().message());
  for (const Wanted& lock : {Wanted{"lock-runtime", options.runtime_dir, runtime_lock, true},
                             Wanted{"lock-state", options.state_dir, state_lock, false}}) {
    if (lock.fd) continue;  // by an earlier attempt
    if (const auto found = held.find(lock.name); found != held.end()) {
      lock.fd = std::move(found->second);
      held.erase(found);
      successor = true;
      (void)sys::name_lock_owner(lock.fd.get(), ::getppid()).has_value();
    } else {
      auto taken = sys::take_instance_lock(lock.directory + "/lock", ::getppid());
      if (!taken) {
        // A state directory that cannot be written to costs us the ledger, not the units.
        if (lock.needed || taken.error().code() == ErrorCode::kBusy) return taken.error();
        log::warning("{}; the ledger is kept in {} until then", taken.error().message(),
                     options.runtime_dir);
        continue;
      }
      lock.fd = std::move(*taken);
    }
    NINES_TRY(keeper->store(lock.name, lock.fd.get()));
  }
  return {};
}

/// The directory is in use. @return whether by our own service, which is then watched again, so
/// that we can end.
bool Worker::State::leaves_service() {
  if (!has_service_manager() || runtime_lock) return false;
  const Status left = leave_service_to_holder(options.runtime_dir + "/lock", ::getppid());
  if (left) log::info("the service's keeper was replaced; it is its main process again");
  return left.has_value();
}

void Worker::State::tell_ready() {
  if (!has_service_manager()) return;
  const Status told =
      tell_service_manager(fmt::format("READY=1\nMAINPID={}\nSTATUS=Supervising", ::getppid()));
  if (told) return;
  log::warning("{}", told.error().message());
  if (told.error().code() == ErrorCode::kBusy) {
    ready_retry = loop.after(kKeeperRetry, [this] { tell_ready(); });
  }
}

Status Worker::State::open_ledger() {
  ledger::WriterOptions writer;
  writer.database = options.state_dir + "/ledger.db";
  writer.spool_directory = options.runtime_dir + "/spool";
  if (const Status made = sys::make_directories(writer.spool_directory, 0700); !made) {
    log::warning("{}", made.error().message());
  }
  writer.keep_events = std::chrono::hours(24) * options.keep_events_days;
  link_ledger(options.runtime_dir, writer.database);
  NINES_ASSIGN(writer.host, ledger::detect_host());
  NINES_ASSIGN(ledger, ledger::LedgerWriter::start(std::move(writer)));
  return {};
}

Status Worker::State::open_api(std::map<std::string, UniqueFd>& held) {
  backend = std::make_unique<SupervisorBackend>(
      loop, *manager, *ledger,
      DaemonFacts{options.runtime_dir, options.state_dir + "/ledger.db", ::getppid(), started,
                  [this] { reexec(); }});
  HttpServerOptions server_options;
  server_options.socket_path = options.runtime_dir + "/api.sock";
  server_options.owner = ::geteuid();
  if (!options.user_mode) {
    server_options.readers = find_group("nines");
  }
  if (const auto found = held.find("api"); found != held.end()) {
    api_listener = std::move(found->second);
    held.erase(found);
  } else {
    NINES_ASSIGN(api_listener, bind_api_socket(server_options.socket_path, server_options.readers));
  }
  NINES_TRY(keeper->store("api", api_listener.get()));
  server_options.listener.reset(::dup(api_listener.get()));
  NINES_ASSIGN(server, HttpServer::start(loop.context(), *backend, std::move(server_options)));
  return {};
}

Status Worker::State::open_core_socket(std::map<std::string, UniqueFd>& held) {
  // core_pattern is root's, and so is what dies.
  if (::geteuid() != 0) return {};
  if (auto found = held.extract("core")) {
    core_listener = std::move(found.mapped());
  } else {
    NINES_ASSIGN(core_listener,
                 bind_api_socket(crash::core_socket_path(options.runtime_dir), std::nullopt));
  }
  NINES_TRY(keeper->store("core", core_listener.get()));
  crashes = std::make_unique<CrashCatcher>(
      loop, *manager, *keeper, *ledger,
      CrashPlaces{sys::beside(keeper_path, "nines-crash"), crash::store_path(options.state_dir),
                  options.runtime_dir + "/crashes", Bytes{options.crash_store_max},
                  options.state_dir});
  NINES_TRY(crashes->start(core_listener.get(), held));
  manager->set_death_listener(
      [this](const supervise::CrashedUnit& unit, const supervise::DeadProcess& dead) {
        // Its successor first.
        loop.post([this, unit, dead] { crashes->on_death(unit, dead); });
      });
  const auto said = put_hook_in_place(options.state_dir);
  if (!said) log::warning("{}", said.error().message());
  if (said && !said->empty()) log::info("{}", *said);
  return {};
}

void Worker::State::reexec() {
  log::info("executing anew");
  manager->save_all();
  if (const Status flushed = ledger->flush(kFlush); !flushed) {
    log::warning("{}", flushed.error().message());
  }
  keeper->request_reexec();
  if (auto kept = server->release_listener(); !kept) log::warning("{}", kept.error().message());
  loop.stop();
}

void Worker::State::on_keeper_lost() {
  log::error("the keeper is gone; starting another, units go on");
  manager->save_all();
  if (const Status replaced = keeper->replace_keeper(keeper_path, worker_argv); !replaced) {
    log::error("{}", replaced.error().message());
    keeper_retry = loop.after(kKeeperRetry, [this] { on_keeper_lost(); });
    return;
  }
  // Only a child of the new keeper can give it children: the successor is one.
  if (auto kept = server->release_listener(); !kept) log::warning("{}", kept.error().message());
  loop.stop();
}

Result<int> Worker::run() {
  State& s = *state_;
  s.successor = s.options.successor;
  (void)sys::become_realtime();
  s.keeper = std::make_unique<supervise::KeeperLink>(UniqueFd(s.options.keeper_fd));
  NINES_ASSIGN(auto held, s.keeper->receive_held());
  if (Status locked = s.take_locks(held); !locked) {
    if (locked.error().code() != ErrorCode::kBusy) return locked.error();
    if (s.leaves_service()) {
      s.finish(kExitOk);
      return kExitOk;
    }
    // Free by now: that instance ended while we were looking at it.
    NINES_TRY(s.take_locks(held));
  }
  if (!s.successor && !is_in_memory(s.options.runtime_dir)) {
    log::warning("{} is on a disk: each change of a unit's state may wait for it; a tmpfs does not",
                 s.options.runtime_dir);
  }
  NINES_TRY(s.open_ledger());

  supervise::ManagerOptions manager_options;
  manager_options.runtime_dir = s.options.runtime_dir;
  manager_options.state_dir = s.options.state_dir;
  manager_options.log_dir = s.options.log_dir;
  manager_options.user_mode = s.options.user_mode;
  manager_options.load.user_mode = s.options.user_mode;
  manager_options.load.search_path = s.options.unit_path;
  for (std::string& directory : unit::default_search_path(s.options.user_mode)) {
    manager_options.load.search_path.push_back(std::move(directory));
  }
  manager_options.record_stacks =
      make_stack_recorder(s.loop, s.options.log_dir, sys::beside(s.keeper_path, "nines-stacks"));
  s.manager = std::make_unique<supervise::Manager>(std::move(manager_options), s.loop, *s.keeper,
                                                   *s.ledger);
  std::map<std::string, UniqueFd> ours;  // what is not the units'
  for (auto at = held.begin(); at != held.end();) {
    const bool mine = at->first == "api" || at->first == "core" || at->first.starts_with("crash");
    if (auto next = std::next(at); mine) {
      ours.insert(held.extract(at));
      at = next;
    } else {
      ++at;
    }
  }
  NINES_TRY(s.manager->initialize(std::move(held)));
  NINES_TRY(s.open_api(ours));
  if (const Status opened = s.open_core_socket(ours); !opened) {
    log::warning("crashes are not captured: {}", opened.error().message());
  }
  s.forecaster = std::make_unique<Forecaster>(s.loop, *s.manager, *s.ledger);
  s.forecaster->set_crashes(
      [&s](const std::string& event) { return s.crashes && s.crashes->looks_at(event); });
  s.forecaster_events = s.backend->subscribe_events(
      [&s](const ledger::Event& event) { s.forecaster->on_event(event); });
  s.loop.post([&s] { s.forecaster->start(); });
  s.keeper->start(s.loop,
                  {[&s](const keeper::ExitRecord& record) { s.manager->on_exit(record); },
                   [&s](int signal) { s.on_signal(signal); }, [&s] { s.on_keeper_lost(); }});
  s.manager->set_change_listener([&s](const std::string&) {
    if (s.options.foreground) s.loop.post([&s] { s.check_foreground(); });
  });
  s.keeper->ready();
  s.ready = true;
  // After what was adopted: start_kept() leaves out what runs already.
  s.loop.post([&s] {
    if (const Status started = s.start_units(); !started) {
      log::error("{}", started.error().message());
      // Nothing runs and nothing will: whoever waits for our exit code must hear of it.
      if (s.options.foreground) {
        s.finish(kExitFailure);
        s.loop.stop();
      }
    }
  });
  s.loop.post([&s] { s.tell_ready(); });
  log::info("ready: {} on {}", s.manager->cgroups().describe(), s.options.runtime_dir);
  s.loop.run();
  s.forecaster_events.reset();
  s.forecaster.reset();
  s.crashes.reset();
  s.server.reset();
  s.backend.reset();
  (void)s.ledger->flush(kFlush).has_value();
  return kExitOk;
}

}  // namespace nines::daemon
