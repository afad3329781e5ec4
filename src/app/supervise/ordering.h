// Puts things in order when some must come before others, and breaks cycles where it may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nines::supervise {

/// How much an ordering counts when a cycle must be broken. The weakest in the cycle goes.
enum class OrderStrength : std::uint8_t {
  kImplied,   ///< nobody wrote it
  kWritten,   ///< After= or Before= between units that can run without each other
  kRequired,  ///< goes with a hard dependency: never dropped, unless everything may be
};

/// `before` comes first. Numbers are the caller's, 0 .. count-1.
struct OrderEdge {
  std::size_t before = 0;
  std::size_t after = 0;
  OrderStrength strength = OrderStrength::kWritten;
};

struct BrokenCycle {
  std::size_t dropped_edge = 0;    ///< index into the edges given
  std::vector<std::size_t> cycle;  ///< its nodes, each before the next, the last before the first
};

struct OrderOutcome {
  bool possible = true;
  std::vector<std::size_t> sorted;   ///< all nodes; lower numbers first where the order is free
  std::vector<BrokenCycle> dropped;  ///< what had to be ignored
  std::vector<std::size_t> cycle;    ///< when not possible: one that must not be broken
};

/// Near-linear in nodes and edges, plus the length of a cycle for each edge dropped.
/// @param drop_required  when no order may be refused (stopping), even kRequired edges go.
OrderOutcome put_in_order(std::size_t count, const std::vector<OrderEdge>& edges,
                          bool drop_required = false);

}  // namespace nines::supervise
