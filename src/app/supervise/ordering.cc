#include "app/supervise/ordering.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace nines::supervise {
namespace {

/// Kahn's algorithm. When it stalls, every node left waits for another one that is left, so walking
/// back along what is waited for must close a cycle.
class Sorter {
 public:
  Sorter(std::size_t count, const std::vector<OrderEdge>& edges, bool drop_required)
      : edges_(edges),
        drop_required_(drop_required),
        incoming_(count),
        outgoing_(count),
        cursor_(count, 0),
        waits_for_(count, 0),
        done_(count, false),
        dropped_(edges.size(), false) {
    for (std::size_t i = 0; i < edges.size(); ++i) {
      incoming_[edges[i].after].push_back(i);
      outgoing_[edges[i].before].push_back(i);
      ++waits_for_[edges[i].after];
    }
    for (std::size_t node = 0; node < count; ++node) {
      if (waits_for_[node] == 0) ready_.push(node);
    }
  }

  OrderOutcome run() {
    for (;;) {
      drain();
      if (outcome_.sorted.size() == done_.size()) return std::move(outcome_);
      if (!break_cycle()) return std::move(outcome_);
    }
  }

 private:
  void drain() {
    while (!ready_.empty()) {
      const std::size_t node = ready_.top();
      ready_.pop();
      done_[node] = true;
      outcome_.sorted.push_back(node);
      for (const std::size_t edge : outgoing_[node]) {
        if (!dropped_[edge]) satisfy(edges_[edge].after);
      }
    }
  }

  void satisfy(std::size_t node) {
    if (--waits_for_[node] == 0) ready_.push(node);
  }

  /// The first edge that `node`, which is left over, still waits for.
  std::size_t pending_edge(std::size_t node) {
    // What is done or dropped stays so: the cursor never has to go back.
    std::size_t& at = cursor_[node];
    while (dropped_[incoming_[node][at]] || done_[edges_[incoming_[node][at]].before]) ++at;
    return incoming_[node][at];
  }

  std::size_t first_left() {
    while (done_[scan_from_]) ++scan_from_;
    return scan_from_;
  }

  /// Edges of one cycle among the nodes left, each leading to the one before it in the vector.
  std::vector<std::size_t> find_cycle() {
    std::vector<std::size_t> walk;
    std::unordered_map<std::size_t, std::size_t> position;
    std::size_t node = first_left();
    while (position.emplace(node, walk.size()).second) {
      walk.push_back(pending_edge(node));
      node = edges_[walk.back()].before;
    }
    walk.erase(walk.begin(), walk.begin() + static_cast<std::ptrdiff_t>(position[node]));
    return walk;
  }

  bool break_cycle() {
    const std::vector<std::size_t> walk = find_cycle();
    std::vector<std::size_t> cycle;
    for (auto edge = walk.rbegin(); edge != walk.rend(); ++edge) {
      cycle.push_back(edges_[*edge].before);
    }
    const std::size_t weakest =
        *std::min_element(walk.begin(), walk.end(),
                          [this](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
    if (edges_[weakest].strength == OrderStrength::kRequired && !drop_required_) {
      outcome_.possible = false;
      outcome_.cycle = std::move(cycle);
      return false;
    }
    dropped_[weakest] = true;
    outcome_.dropped.push_back({weakest, std::move(cycle)});
    satisfy(edges_[weakest].after);
    return true;
  }

  /// Equal strength: the same edge goes each time, whatever order the edges were given in.
  std::tuple<OrderStrength, std::size_t, std::size_t> rank(std::size_t edge) const {
    return {edges_[edge].strength, edges_[edge].before, edges_[edge].after};
  }

  const std::vector<OrderEdge>& edges_;
  bool drop_required_;
  std::vector<std::vector<std::size_t>> incoming_, outgoing_;  ///< edge indices by node
  std::vector<std::size_t> cursor_, waits_for_;
  std::vector<bool> done_, dropped_;
  std::size_t scan_from_ = 0;
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready_;
  OrderOutcome outcome_;
};

}  // namespace

OrderOutcome put_in_order(std::size_t count, const std::vector<OrderEdge>& edges,
                          bool drop_required) {
  return Sorter(count, edges, drop_required).run();
}

}  // namespace nines::supervise
