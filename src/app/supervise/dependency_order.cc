// Which of a set comes before which.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/supervise/dependency_graph.h"
#include "app/supervise/ordering.h"

namespace nines::supervise {

/// A set and the passive names around it, numbered for put_in_order(): first the set, by name.
struct DependencyGraph::OrderGraph {
  std::vector<Id> ids;
  std::size_t set_size = 0;
  std::vector<OrderEdge> edges;
  std::vector<std::vector<std::size_t>> incoming;  ///< by number: indices into edges

  /// Members of the set that `number` waits for, directly or through passive names.
  std::vector<std::size_t> awaited(std::size_t number, const std::vector<bool>& dropped) const {
    std::set<std::size_t> seen;
    std::vector<std::size_t> queue = {number};
    while (!queue.empty()) {
      const std::size_t at = queue.back();
      queue.pop_back();
      for (const std::size_t edge : incoming[at]) {
        const std::size_t before = edges[edge].before;
        if (dropped[edge] || before == number || !seen.insert(before).second) continue;
        if (before >= set_size) queue.push_back(before);
      }
    }
    return {seen.begin(), seen.lower_bound(set_size)};
  }
};

DependencyGraph::OrderGraph DependencyGraph::order_graph(const std::vector<Id>& set) const {
  OrderGraph graph;
  graph.ids = set;
  std::sort(graph.ids.begin(), graph.ids.end(),
            [this](Id a, Id b) { return nodes_[a].name < nodes_[b].name; });
  graph.ids.erase(std::unique(graph.ids.begin(), graph.ids.end()), graph.ids.end());
  graph.set_size = graph.ids.size();
  std::vector<std::size_t> number_of(nodes_.size(), kNone);
  for (std::size_t i = 0; i < graph.set_size; ++i) number_of[graph.ids[i]] = i;
  for (Id id = 0; id < nodes_.size(); ++id) {
    if (!nodes_[id].passive || number_of[id] != kNone) continue;
    number_of[id] = graph.ids.size();
    graph.ids.push_back(id);
  }
  graph.incoming.resize(graph.ids.size());
  const auto add = [&](std::size_t after, Id before_id, OrderStrength strength) {
    if (number_of[before_id] == kNone) return;
    graph.incoming[after].push_back(graph.edges.size());
    graph.edges.push_back({number_of[before_id], after, strength});
  };
  for (std::size_t i = 0; i < graph.ids.size(); ++i) {
    const Id id = graph.ids[i];
    for (const Id before : nodes_[id].to[kAfter]) {
      const bool outside = i >= graph.set_size || number_of[before] >= graph.set_size;
      const bool hard = needs(id, before) || needs(before, id) ||
                        (nodes_[before].unit && nodes_[before].unit->socket() != nullptr);
      add(i, before,
          outside ? OrderStrength::kImplied
          : hard  ? OrderStrength::kRequired
                  : OrderStrength::kWritten);
    }
    for (const Id before : nodes_[id].to[kImpliedAfter]) add(i, before, OrderStrength::kImplied);
  }
  return graph;
}

Result<Ordering> DependencyGraph::order_ids(const std::vector<Id>& set, bool never_refuse) const {
  const OrderGraph graph = order_graph(set);
  const OrderOutcome outcome = put_in_order(graph.ids.size(), graph.edges, never_refuse);
  const auto names = [&](const std::vector<std::size_t>& numbers) {
    std::vector<std::string> result;
    for (const std::size_t number : numbers) result.push_back(nodes_[graph.ids[number]].name);
    return result;
  };
  if (!outcome.possible) {
    std::vector<std::string> cycle = names(outcome.cycle);
    cycle.push_back(cycle.front());
    return Error(ErrorCode::kInvalidArgument, "order", cycle.front())
        .with_detail(fmt::format("each must start before the next: {}", fmt::join(cycle, " -> ")))
        .with_hint("remove one After= or Before= of these units");
  }
  Ordering ordering;
  std::vector<bool> dropped(graph.edges.size(), false);
  for (const BrokenCycle& broken : outcome.dropped) {
    dropped[broken.dropped_edge] = true;
    const OrderEdge& edge = graph.edges[broken.dropped_edge];
    ordering.dropped.push_back({nodes_[graph.ids[edge.before]].name,
                                nodes_[graph.ids[edge.after]].name, names(broken.cycle)});
  }
  for (const std::size_t number : outcome.sorted) {
    if (number >= graph.set_size) continue;
    const std::string& name = nodes_[graph.ids[number]].name;
    ordering.sorted.push_back(name);
    ordering.after[name] = names(graph.awaited(number, dropped));
  }
  return ordering;
}

Result<Ordering> DependencyGraph::order(const std::set<std::string>& within) const {
  std::vector<Id> known;
  std::vector<std::string> unknown;
  for (const std::string& name : within) {
    const Id id = find(name);
    if (id == kNone) {
      unknown.push_back(name);
    } else {
      known.push_back(id);
    }
  }
  NINES_ASSIGN(Ordering ordering, order_ids(known, false));
  for (std::string& name : unknown) {
    ordering.after[name];
    ordering.sorted.push_back(std::move(name));
  }
  return ordering;
}

std::vector<std::string> DependencyGraph::predecessors(const std::string& name,
                                                       const std::set<std::string>& within) const {
  const Id start = find(name);
  if (start == kNone) return {};
  std::set<Id> seen = {start};
  std::vector<Id> queue = {start};
  std::set<std::string> result;
  while (!queue.empty()) {
    const Id id = queue.back();
    queue.pop_back();
    for (const Relation relation : {kAfter, kImpliedAfter}) {
      for (const Id before : nodes_[id].to[relation]) {
        if (!seen.insert(before).second) continue;
        if (within.contains(nodes_[before].name)) {
          result.insert(nodes_[before].name);
        } else if (nodes_[before].passive) {
          queue.push_back(before);
        }
      }
    }
  }
  return {result.begin(), result.end()};
}

}  // namespace nines::supervise
