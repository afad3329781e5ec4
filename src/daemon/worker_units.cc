// Worker: what it starts, what it hands on to it, and its end.

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>

#include "base/log.h"
#include "daemon/core_hook.h"
#include "daemon/service_manager.h"
#include "daemon/transient.h"
#include "daemon/worker_state.h"

namespace nines::daemon {
namespace {

// What a burst of starts needed is given back when it is over.
constexpr Nanoseconds kSettled = std::chrono::seconds(1);

int exit_code_of(const sys::ExitStatus& status) {
  if (status.kind == sys::ExitStatus::Kind::kExited) return status.value;
  return status.by_signal() ? 128 + status.value : kExitFailure;
}

}  // namespace

Status Worker::State::start_units() {
  // Whose end is ours too is asked for later; others are only started.
  std::vector<std::string> names = options.foreground ? options.units : std::move(options.units);
  if (!options.command.empty()) {
    NINES_ASSIGN(const TransientUnit unit, transient_unit(options.command));
    NINES_TRY(manager->define_transient(unit.name, unit.text));
    names = {unit.name};
  }
  manager->start_kept();
  // The command line asked for a start once: what was stopped since then, or waits for its next
  // attempt, is none of a successor's business.
  if (successor) std::erase_if(names, [this](const auto& n) { return !manager->begins_anew(n); });
  trim_memory_soon();
  if (names.empty()) {
    foreground_began = successor;
    check_foreground();
    return {};
  }
  manager->act(supervise::Manager::Verb::kStart, names, [this](const auto& results) {
    for (const auto& [name, status] : results) {
      if (status) continue;
      log::error("{}", status.error().message());
      if (!status.error().hint().empty()) log::error("  {}", status.error().hint());
    }
    foreground_began = true;
    check_foreground();
    trim_memory_soon();
  });
  return {};
}

void Worker::State::trim_memory_soon() {
  trim = loop.after(kSettled, [] { ::malloc_trim(0); });
}

std::vector<const supervise::Service*> Worker::State::foreground_services() const {
  std::vector<std::string> names = options.units;
  if (!options.command.empty()) names = {transient_name(options.command)};
  std::vector<const supervise::Service*> services;
  for (const std::string& name : names) {
    const supervise::UnitEntry* entry = manager->find(name);
    if (entry != nullptr && entry->service) services.push_back(entry->service.get());
  }
  return services;
}

int Worker::State::foreground_code() const {
  const auto services = foreground_services();
  return services.empty() ? kExitFailure : exit_code_of(services.front()->state().last_exit);
}

void Worker::State::check_foreground() {
  if (!options.foreground || !foreground_began || stopping) return;
  for (const supervise::Service* service : foreground_services()) {
    const supervise::Phase phase = service->state().phase;
    if (phase != supervise::Phase::kDead && phase != supervise::Phase::kFailed) return;
  }
  stop_in_order();
}

void Worker::State::on_signal(int signal) {
  if (signal == SIGTERM || signal == SIGINT) {
    asked_to_stop = true;
    log::info("{}: stopping all units", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    stop_in_order();
    return;
  }
  if (!options.foreground) return;
  // As PID 1 of a container we stand for the application: what is meant for it goes on to it.
  for (const auto& [name, entry] : manager->units()) {
    if (!entry->service) continue;
    for (const sys::Pidfd* process : entry->service->running_processes()) {
      (void)process->send_signal(signal).has_value();
    }
  }
}

void Worker::State::stop_in_order() {
  if (std::exchange(stopping, true)) return;
  if (has_service_manager()) {
    (void)tell_service_manager("STOPPING=1\nSTATUS=Stopping all units").has_value();
  }
  manager->stop_all([this] {
    manager->cgroups().cleanup();
    finish(options.foreground ? foreground_code() : kExitOk);
    loop.stop();
  });
}

void Worker::State::finish(int code) {
  if (crashes) {
    const Status lifted = lift_hook(options.state_dir);
    if (!lifted) log::warning("{}", lifted.error().message());
  }
  keeper->finish(code);
  over = true;
  if (!options.is_private) return;
  // What units print is in there, and of one that failed it is all that is left.
  if (code != kExitOk && !asked_to_stop && options.command.empty()) {
    log::info("what the units printed is in {}", options.log_dir);
    options.is_private = false;
  }
}

}  // namespace nines::daemon
