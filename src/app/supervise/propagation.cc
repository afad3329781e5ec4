// Whom it concerns when a unit stops, restarts or goes down.
#include "app/supervise/dependency_graph.h"

namespace nines::supervise {

std::vector<DependencyGraph::Dependent> DependencyGraph::dependents(
    const std::vector<Id>& roots, const std::vector<Relation>& first,
    const std::function<bool(Id)>& follow) const {
  static const std::vector<Relation> kAll = {kRequires, kBindsTo, kRequisite, kPartOf};
  std::vector<bool> seen(nodes_.size(), false);
  std::vector<Dependent> queue;
  for (const Id root : roots) {
    seen[root] = true;
    queue.push_back({root, kNone});
  }
  for (std::size_t at = 0; at < queue.size(); ++at) {
    const Id id = queue[at].id;
    for (const Relation relation : at < roots.size() ? first : kAll) {
      for (const Id dependent : nodes_[id].from[relation]) {
        if (seen[dependent] || !follow(dependent)) continue;
        seen[dependent] = true;
        queue.push_back({dependent, id});
      }
    }
  }
  queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(roots.size()));
  return queue;
}

Ordering DependencyGraph::order_for_stop(const std::vector<Id>& set) const {
  Result<Ordering> ordering = order_ids(set, true);
  return ordering ? *std::move(ordering) : Ordering{};  // never refuses: see put_in_order()
}

std::vector<StopItem> DependencyGraph::stop_plan(const std::vector<std::string>& names,
                                                 const IsActive& is_active) const {
  std::vector<Id> set;
  std::vector<StopItem> items;
  for (const std::string& name : std::set<std::string>(names.begin(), names.end())) {
    const Id id = find(name);
    if (id == kNone) {
      items.push_back({name, {}, {}});
    } else {
      set.push_back(id);
    }
  }
  // An inactive unit has nothing to stop, but what is behind it may.
  const auto concerned =
      dependents(set, {kRequires, kBindsTo, kRequisite, kPartOf}, [](Id) { return true; });
  std::unordered_map<Id, Id> because_of;
  for (const Dependent& dependent : concerned) {
    if (!is_active(nodes_[dependent.id].name)) continue;
    because_of[dependent.id] = dependent.because_of;
    set.push_back(dependent.id);
  }
  const Ordering ordering = order_for_stop(set);
  std::map<std::string, std::vector<std::string>> stopped_before;
  for (const auto& [name, after] : ordering.after) {
    for (const std::string& earlier : after) stopped_before[earlier].push_back(name);
  }
  for (auto name = ordering.sorted.rbegin(); name != ordering.sorted.rend(); ++name) {
    const auto cause = because_of.find(find(*name));
    items.push_back({*name, cause == because_of.end() ? "" : nodes_[cause->second].name,
                     std::move(stopped_before[*name])});
  }
  return items;
}

std::vector<Reaction> DependencyGraph::on_down(const std::string& name, bool will_be_restarted,
                                               const IsActive& is_active) const {
  const Id root = find(name);
  if (root == kNone) return {};
  const auto active = [&](Id id) { return is_active(nodes_[id].name); };
  std::vector<Id> stopping;
  std::vector<bool> stops(nodes_.size(), false);
  for (const Dependent& dependent : dependents({root}, {kBindsTo}, active)) {
    stopping.push_back(dependent.id);
    stops[dependent.id] = true;
  }
  std::vector<Reaction> reactions;
  const Ordering stop_order = order_for_stop(stopping);
  for (auto it = stop_order.sorted.rbegin(); it != stop_order.sorted.rend(); ++it) {
    reactions.push_back(
        {*it, will_be_restarted ? Reaction::Kind::kStopAndStart : Reaction::Kind::kStop});
  }
  if (!will_be_restarted) return reactions;
  std::vector<Id> restarting;
  const auto restarts = [&](Id id) { return !stops[id] && active(id); };
  for (const Dependent& dependent : dependents({root}, {kPartOf}, restarts)) {
    restarting.push_back(dependent.id);
  }
  for (const std::string& restarted : order_for_stop(restarting).sorted) {
    reactions.push_back({restarted, Reaction::Kind::kRestart});
  }
  return reactions;
}

std::vector<std::string> DependencyGraph::on_restart(const std::string& name,
                                                     const IsActive& is_active) const {
  const Id root = find(name);
  if (root == kNone) return {};
  std::vector<Id> restarting;
  for (const Dependent& dependent : dependents({root}, {kRequires, kBindsTo, kRequisite, kPartOf},
                                               [&](Id id) { return is_active(nodes_[id].name); })) {
    restarting.push_back(dependent.id);
  }
  return order_for_stop(restarting).sorted;
}

}  // namespace nines::supervise
