#include "app/supervise/dependency_graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/supervise/init_units.h"

namespace nines::supervise {
namespace {

/// The service that a socket unit's traffic is for; empty with Accept=yes, which has one for each
/// connection.
std::string served_by(const unit::Unit& unit) {
  const unit::SocketUnit& socket = *unit.socket();
  if (socket.accept) return {};
  if (!socket.service.empty()) return socket.service;
  return unit.name.substr(0, unit.name.rfind('.')) + ".service";
}

}  // namespace

DependencyGraph::DependencyGraph(const Units& units) {
  nodes_.reserve(units.size());
  for (const auto& [name, unit] : units) {
    const Id id = intern(name);
    nodes_[id].unit = unit;
  }
  for (const auto& [name, unit] : units) add_unit(find(name));
  const Id loaded = units.size();
  for (Id id = 0; id < loaded; ++id) add_socket_order(id);
  for (Node& node : nodes_) {
    node.passive = node.unit ? belongs_to_init(node.name) : reached_without_file(node.name);
    node.to.sort_and_unify();
    node.from.sort_and_unify();
  }
  // Last, because it must see what is written, and adds only what is not.
  for (Id id = 0; id < loaded; ++id) add_target_order(id);
  find_broken();
}

void DependencyGraph::Relations::add(Relation relation, Id other) {
  if (!lists_) lists_ = std::make_unique<std::array<Sparse<std::vector<Id>>, kRelations>>();
  (*lists_)[relation].push_back(other);
}

void DependencyGraph::Relations::sort_and_unify() {
  if (!lists_) return;
  for (Sparse<std::vector<Id>>& list : *lists_) {
    if (list.empty()) continue;
    std::vector<Id>& others = list.edit();
    std::sort(others.begin(), others.end());
    others.erase(std::unique(others.begin(), others.end()), others.end());
  }
}

DependencyGraph::Id DependencyGraph::intern(const std::string& name) {
  const auto [entry, added] = ids_.emplace(name, nodes_.size());
  if (added) nodes_.push_back(Node{entry->first, nullptr, false, {}, {}});
  return entry->second;
}

DependencyGraph::Id DependencyGraph::find(const std::string& name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? kNone : found->second;
}

void DependencyGraph::relate(Id from, Relation relation, Id to) {
  if (from == to) return;
  nodes_[from].to.add(relation, to);
  nodes_[to].from.add(relation, from);
}

void DependencyGraph::relate_all(Id from, Relation relation,
                                 const std::vector<std::string>& names) {
  for (const std::string& name : names) relate(from, relation, intern(name));
}

void DependencyGraph::add_unit(Id id) {
  // Held by value: intern() may move the nodes.
  const std::shared_ptr<const unit::Unit> unit = nodes_[id].unit;
  const unit::UnitSection& section = unit->unit;
  relate_all(id, kRequires, section.requires_units);
  relate_all(id, kRequisite, section.requisite);
  relate_all(id, kBindsTo, section.binds_to);
  relate_all(id, kWants, section.wants);
  relate_all(id, kUpholds, section.upholds);
  relate_all(id, kPartOf, section.part_of);
  relate_all(id, kAfter, section.after);
  for (const std::string& name : section.before) relate(intern(name), kAfter, id);
  for (const std::string& name : section.conflicts) {
    const Id other = intern(name);
    relate(id, kConflicts, other);
    relate(other, kConflicts, id);
  }
  if (const unit::ServiceUnit* service = unit->service()) {
    relate_all(id, kSockets, service->service.sockets);
    relate_all(id, kAfter, service->service.sockets);
  }
}

void DependencyGraph::add_socket_order(Id id) {
  if (nodes_[id].unit->socket() == nullptr) return;
  const Id service = find(served_by(*nodes_[id].unit));
  if (service != kNone) relate(service, kAfter, id);
}

void DependencyGraph::add_target_order(Id id) {
  if (!std::holds_alternative<unit::TargetUnit>(nodes_[id].unit->body)) return;
  for (const Relation relation : {kRequires, kRequisite, kBindsTo, kWants, kUpholds}) {
    for (const Id member : nodes_[id].to[relation]) {
      // systemd.target(5), implicit dependencies: unless the member is ordered already.
      if (!related(member, kAfter, id) && !related(id, kAfter, member)) {
        relate(id, kImpliedAfter, member);
      }
    }
  }
}

bool DependencyGraph::related(Id from, Relation relation, Id to) const {
  const std::vector<Id>& others = nodes_[from].to[relation];
  return std::binary_search(others.begin(), others.end(), to);
}

bool DependencyGraph::needs(Id a, Id b) const {
  return related(a, kRequires, b) || related(a, kBindsTo, b) || related(a, kRequisite, b) ||
         related(a, kSockets, b);
}

void DependencyGraph::find_broken() {
  broken_by_.assign(nodes_.size(), kNone);
  std::vector<Id> queue;
  for (Id id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id].unit || nodes_[id].passive) continue;
    broken_by_[id] = id;
    queue.push_back(id);
  }
  for (std::size_t at = 0; at < queue.size(); ++at) {
    const Id broken = queue[at];
    for (const Relation relation : {kRequires, kBindsTo, kRequisite}) {
      for (const Id dependent : nodes_[broken].from[relation]) {
        if (broken_by_[dependent] != kNone || nodes_[dependent].passive) continue;
        broken_by_[dependent] = broken;
        queue.push_back(dependent);
      }
    }
  }
}

std::string DependencyGraph::missing_chain(Id id) const {
  // "a requires b, which requires c, which does not exist"
  std::string text = nodes_[id].name;
  bool first = true;
  for (; broken_by_[id] != id; id = broken_by_[id], first = false) {
    text += fmt::format("{} requires {}", first ? "" : ", which", nodes_[broken_by_[id]].name);
  }
  return text + (first ? " does not exist" : ", which does not exist");
}

std::vector<std::string> DependencyGraph::upheld_by(const std::string& name) const {
  std::vector<std::string> result;
  const Id id = find(name);
  if (id == kNone) return result;
  for (const Id other : nodes_[id].from[kUpholds]) result.push_back(nodes_[other].name);
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace nines::supervise
