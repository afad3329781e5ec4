// Manager: loading units, sockets, and the list of kept units.

#include <nlohmann/json.hpp>

#include <unistd.h>

#include "app/supervise/event_detail.h"
#include "app/supervise/manager.h"
#include "sys/file.h"

namespace nines::supervise {

const UnitEntry* Manager::find(const std::string& name) const {
  auto found = units_.find(name);
  if (found == units_.end()) found = units_.find(name + ".service");
  return found == units_.end() ? nullptr : found->second.get();
}

Result<UnitEntry*> Manager::load(const std::string& name) {
  NINES_ASSIGN(unit::LoadedUnit loaded, unit::load_unit(name, options_.load));
  const std::string full = loaded.unit->name;
  std::unique_ptr<UnitEntry>& entry = units_[full];
  graph_.reset();
  if (!entry) {
    entry = std::make_unique<UnitEntry>();
    if (loaded.unit->service() != nullptr) {
      entry->service = std::make_unique<Service>(loaded.unit, *context_, *this);
    }
    if (loaded.unit->socket() != nullptr) {
      entry->socket = std::make_unique<SocketHolder>(loaded.unit, keeper_);
    }
  } else if (entry->service && loaded.unit->service() != nullptr) {
    entry->service->replace_unit(loaded.unit);
  } else if (entry->socket && loaded.unit->socket() != nullptr && !entry->socket->is_open()) {
    entry->socket = std::make_unique<SocketHolder>(loaded.unit, keeper_);
  }
  entry->unit = loaded.unit;
  entry->diagnostics = std::move(loaded.diagnostics);
  entry->kept = kept_.contains(full);
  return entry.get();
}

void Manager::load_with_dependencies(const std::string& name, std::set<std::string>& seen) {
  std::vector<std::string> todo = {name};
  while (!todo.empty()) {
    const std::string next = todo.back();
    todo.pop_back();
    if (!seen.insert(next).second) continue;
    const UnitEntry* known = find(next);
    if (known == nullptr || !known->is_active()) {
      const auto loaded = load(next);
      if (!loaded) continue;  // start_plan() says who needs it, if anybody does
      known = *loaded;
    }
    const unit::UnitSection& section = known->unit->unit;
    for (const auto* list : {&section.requires_units, &section.binds_to, &section.wants,
                             &section.requisite, &section.upholds}) {
      todo.insert(todo.end(), list->begin(), list->end());
    }
    if (const unit::ServiceUnit* service = known->unit->service()) {
      todo.insert(todo.end(), service->service.sockets.begin(), service->service.sockets.end());
    }
  }
}

Status Manager::define_transient(const std::string& name, const std::string& text) {
  if (name.find('/') != std::string::npos || name.empty() || name.front() == '.') {
    return Error(ErrorCode::kInvalidArgument, "define unit", name).with_detail("not a unit name");
  }
  const std::string path = options_.runtime_dir + "/transient/" + name;
  const auto before = sys::read_file(path);
  NINES_TRY(sys::replace_file(path, text, 0644));
  auto loaded = load(name);
  if (loaded) return {};
  // Refused: what is in force is what was there, or nothing.
  if (before) {
    NINES_TRY(sys::replace_file(path, *before, 0644));
  } else {
    ::unlink(path.c_str());
  }
  return std::move(loaded.error());
}

const DependencyGraph& Manager::graph() {
  if (!graph_) {
    DependencyGraph::Units units;
    for (const auto& [name, entry] : units_) units[name] = entry->unit;
    graph_.emplace(units);
  }
  return *graph_;
}

bool Manager::is_active(const std::string& name) const {
  const auto found = units_.find(name);
  return found != units_.end() && found->second->is_active();
}

namespace {

std::string service_of(const unit::Unit& socket) {
  const std::string& named = socket.socket()->service;
  if (!named.empty()) return named;
  return socket.name.substr(0, socket.name.rfind('.')) + ".service";
}

}  // namespace

std::vector<std::pair<std::string, int>> Manager::listen_fds(const Service& service) {
  std::vector<std::pair<std::string, int>> result;
  const auto& named = service.spec().service.sockets;
  for (const auto& [name, entry] : units_) {
    if (!entry->socket || !entry->socket->is_open()) continue;
    const bool ours = service_of(*entry->unit) == service.unit().name ||
                      std::find(named.begin(), named.end(), name) != named.end();
    if (!ours) continue;
    const auto descriptors = entry->socket->descriptors();
    result.insert(result.end(), descriptors.begin(), descriptors.end());
  }
  return result;
}

std::vector<int> Manager::held_sockets(const Service& service) {
  std::vector<int> held;
  for (const auto& [name, fd] : listen_fds(service)) held.push_back(fd);
  return held;
}

Status Manager::start_socket(UnitEntry& entry, std::map<std::string, UniqueFd>& held) {
  std::vector<const sys::Pidfd*> donors;
  const auto service = units_.find(service_of(*entry.unit));
  if (service != units_.end() && service->second->service) {
    donors = service->second->service->running_processes();
  }
  NINES_TRY(entry.socket->open(held, donors));
  save_simple(entry, true);
  emit("socket.listening", ledger::Severity::kInfo, entry.unit->name, "{}");
  watch_for_activation(entry);
  return {};
}

void Manager::stop_socket(UnitEntry& entry) {
  entry.activation.clear();
  entry.socket->close();
  save_simple(entry, false);
}

void Manager::watch_for_activation(UnitEntry& socket) {
  const std::string name = service_of(*socket.unit);
  const UnitEntry* service = find(name);
  const bool idle =
      service == nullptr || !service->service || (service->service->state().phase == Phase::kDead);
  socket.activation.clear();
  if (!idle) return;
  for (const auto& [label, fd] : socket.socket->descriptors()) {
    socket.activation.push_back(loop_.on_readable(fd, [this, &socket, name] {
      // Once: from here on the service itself accepts.
      loop_.post([&socket] { socket.activation.clear(); });
      const UnitEntry* now = find(name);
      if (now != nullptr && now->service && !now->service->is_settled()) return;
      emit("socket.activated", ledger::Severity::kInfo, socket.unit->name, "{}");
      start_names({name});
    }));
  }
}

void Manager::save_simple(const UnitEntry& entry, bool active) {
  UnitState state;
  state.name = entry.unit->name;
  state.wanted = active;
  state.phase = active ? Phase::kRunning : Phase::kDead;
  if (active) {
    (void)states_.save(state).has_value();
  } else {
    states_.remove(state.name);
  }
}

void Manager::load_kept() {
  const auto text = sys::read_file(options_.state_dir + "/kept.json");
  if (!text) return;
  const auto names = nlohmann::json::parse(*text, nullptr, false);
  if (!names.is_array()) {
    emit("daemon.kept-unreadable", ledger::Severity::kError, {},
         detail({{"file", options_.state_dir + "/kept.json"}}));
    return;
  }
  for (const auto& name : names) {
    if (name.is_string()) kept_.insert(name.get<std::string>());
  }
}

Status Manager::save_kept() const {
  return sys::replace_file(options_.state_dir + "/kept.json", nlohmann::json(kept_).dump(1) + "\n",
                           0644, sys::Durability::kPowerLoss);
}

bool Manager::begins_anew(const std::string& name) const {
  // Adopted units are where they were, also those that an operator stopped meanwhile.
  const std::string full = full_name(name);
  return ended_in_order_ || std::find(adopted_.begin(), adopted_.end(), full) == adopted_.end();
}

void Manager::start_kept() {
  std::vector<std::string> names;
  for (const std::string& name : kept_) {
    if (begins_anew(name)) names.push_back(name);
  }
  start_names(names);
}

}  // namespace nines::supervise
