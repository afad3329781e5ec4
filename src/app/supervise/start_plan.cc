// What to start so that some units run.
#include <fmt/format.h>

#include <algorithm>

#include "app/supervise/dependency_graph.h"

namespace nines::supervise {

/// What roots pull in. A node's `pull` says how.
struct DependencyGraph::Closure {
  enum class Pull : std::uint8_t { kNo, kWanted, kHard };

  explicit Closure(const DependencyGraph& graph)
      : nodes(graph.nodes_), broken_by(graph.broken_by_), excluded_for(nodes.size(), kNone) {}

  void pull_in(const std::vector<Id>& roots) {
    pull.assign(nodes.size(), Pull::kNo);
    items.clear();
    for (const Id root : roots) add(root, Pull::kHard);
    follow(0, Pull::kHard, {kRequires, kBindsTo});
    follow(0, Pull::kWanted, {kRequires, kBindsTo, kWants, kUpholds, kSockets});
  }

  /// Goes on from items[at] until nothing new comes; what comes is appended.
  void follow(std::size_t at, Pull how, const std::vector<Relation>& relations) {
    for (; at < items.size(); ++at) {
      const Id item = items[at];
      for (const Relation relation : relations) {
        for (const Id other : nodes[item].to[relation]) {
          if (!nodes[other].passive && can_start(other)) add(other, how);
        }
      }
    }
  }

  bool can_start(Id id) const { return broken_by[id] == kNone && excluded_for[id] == kNone; }

  void add(Id id, Pull how) {
    if (pull[id] != Pull::kNo) return;
    pull[id] = how;
    items.push_back(id);
  }

  bool hard(Id id) const { return pull[id] == Pull::kHard; }
  bool in(Id id) const { return pull[id] != Pull::kNo; }

  /// Leaves out `victim`, which conflicts with `winner`, and all that cannot run without it.
  void exclude(Id victim, Id winner) {
    std::vector<Id> queue = {victim};
    excluded_for[victim] = winner;
    for (std::size_t at = 0; at < queue.size(); ++at) {
      for (const Relation relation : {kRequires, kBindsTo}) {
        for (const Id dependent : nodes[queue[at]].from[relation]) {
          if (excluded_for[dependent] != kNone || hard(dependent)) continue;
          excluded_for[dependent] = winner;
          queue.push_back(dependent);
        }
      }
    }
  }

  /// The item without its `after`.
  StartItem item(Id id) const {
    StartItem result;
    result.name = nodes[id].name;
    result.hard = hard(id);
    result.required_by = items_with(id, {kRequires, kBindsTo, kRequisite});
    result.wanted_by = items_with(id, {kWants, kUpholds, kSockets});
    for (const Id other : nodes[id].to[kRequisite]) {
      if (!in(other) && !nodes[other].passive) result.must_be_active.push_back(nodes[other].name);
    }
    return result;
  }

  /// Names of the items that have one of the relations to `id`, sorted.
  std::vector<std::string> items_with(Id id, std::initializer_list<Relation> relations) const {
    std::set<std::string> result;
    for (const Relation relation : relations) {
      for (const Id other : nodes[id].from[relation]) {
        if (in(other)) result.insert(nodes[other].name);
      }
    }
    return {result.begin(), result.end()};
  }

  void find_conflicts(Id id, std::set<Id>& found) const {
    for (const Id other : nodes[id].to[kConflicts]) {
      if (!in(other) && nodes[other].unit && !nodes[other].passive) found.insert(other);
    }
  }

  /// Units that `id` would like and that exist, but cannot come along.
  void find_skipped(Id id, std::set<Id>& found) const {
    for (const Relation relation : {kWants, kUpholds, kSockets}) {
      for (const Id other : nodes[id].to[relation]) {
        if (nodes[other].unit && !nodes[other].passive && !can_start(other)) found.insert(other);
      }
    }
  }

  const std::vector<Node>& nodes;
  const std::vector<Id>& broken_by;
  std::vector<Id> excluded_for;
  std::vector<Pull> pull;
  std::vector<Id> items;
};

/// Pulls in, then leaves out wanted units that conflict with others until no two items do.
Result<DependencyGraph::Closure> DependencyGraph::close(const std::vector<Id>& roots) const {
  Closure closure(*this);
  for (bool settled = false; !settled;) {
    closure.pull_in(roots);
    settled = true;
    for (const Id item : closure.items) {
      for (const Id other : nodes_[item].to[kConflicts]) {
        if (!closure.in(other) || closure.excluded_for[item] != kNone ||
            closure.excluded_for[other] != kNone) {
          continue;
        }
        if (closure.hard(item) && closure.hard(other)) {
          return Error(ErrorCode::kInvalidArgument, "start", nodes_[item].name)
              .with_detail(fmt::format("{} and {} are both needed, but Conflicts= excludes it",
                                       nodes_[item].name, nodes_[other].name));
        }
        const bool keep_item =
            closure.hard(item) || (!closure.hard(other) && nodes_[item].name < nodes_[other].name);
        closure.exclude(keep_item ? other : item, keep_item ? item : other);
        settled = false;
      }
    }
  }
  return closure;
}

Result<StartPlan> DependencyGraph::start_plan(const std::vector<std::string>& names) const {
  std::vector<Id> roots;
  for (const std::string& name : names) {
    const Id id = find(name);
    if (id == kNone || !nodes_[id].unit) {
      return Error(ErrorCode::kNotFound, "start", name).with_detail("no such unit");
    }
    if (broken_by_[id] != kNone) {
      return Error(ErrorCode::kNotFound, "start", name).with_detail(missing_chain(id));
    }
    roots.push_back(id);
  }
  NINES_ASSIGN(const Closure closure, close(roots));
  NINES_ASSIGN(Ordering ordering, order_ids(closure.items, false));

  StartPlan plan;
  std::set<Id> stop_first, skipped;
  for (const std::string& name : ordering.sorted) {
    const Id id = find(name);
    StartItem item = closure.item(id);
    item.after = std::move(ordering.after[name]);
    plan.items.push_back(std::move(item));
    closure.find_conflicts(id, stop_first);
    closure.find_skipped(id, skipped);
  }
  for (const Id id : stop_first) plan.stop_first.push_back(nodes_[id].name);
  for (const Id id : skipped) {
    const Id winner = closure.excluded_for[id];
    plan.skipped.push_back({nodes_[id].name, winner == kNone
                                                 ? missing_chain(id)
                                                 : "conflicts with " + nodes_[winner].name});
  }
  plan.dropped = std::move(ordering.dropped);
  return plan;
}

}  // namespace nines::supervise
