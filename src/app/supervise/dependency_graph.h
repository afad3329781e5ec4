// Who needs whom, who waits for whom, and whom it concerns when a unit comes or goes. Pure: built
// from loaded units, it answers with plans and does nothing.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/unit/spec.h"
#include "base/result.h"
#include "base/sparse.h"

namespace nines::supervise {

/// An ordering that had to be ignored because it closed a cycle.
struct DroppedOrdering {
  std::string before, after;       ///< `before` should have come first
  std::vector<std::string> cycle;  ///< each ordered before the next, the last before the first
};

/// A set of units in order.
struct Ordering {
  std::vector<std::string> sorted;
  /// For each unit of the set: those of the set that it directly waits for, sorted.
  std::map<std::string, std::vector<std::string>> after;
  std::vector<DroppedOrdering> dropped;
};

struct StartItem {
  std::string name;
  /// Asked for, or needed by something that was: its failure is the failure of the whole start.
  bool hard = false;
  std::vector<std::string> required_by;  ///< items that cannot run without it
  std::vector<std::string> wanted_by;    ///< items that would like it: Wants=, Upholds=, Sockets=
  std::vector<std::string> must_be_active;  ///< Requisite= outside the plan: fail unless active
  std::vector<std::string> after;           ///< items to be settled before it starts
};

/// A wanted unit that is left out, and why.
struct SkippedUnit {
  std::string name;
  std::string reason;
};

struct StartPlan {
  std::vector<StartItem> items;         ///< each behind all that it waits for
  std::vector<std::string> stop_first;  ///< in conflict with an item; give them to stop_plan()
  std::vector<SkippedUnit> skipped;
  std::vector<DroppedOrdering> dropped;
};

struct StopItem {
  std::string name;
  std::string because_of;          ///< empty: asked for
  std::vector<std::string> after;  ///< items to be stopped before it
};

struct Reaction {
  enum class Kind : std::uint8_t {
    kStop,          ///< now, and it stays down
    kStopAndStart,  ///< stop now, start again when the unit that went down is back
    kRestart,       ///< leave it alone now, restart it when the unit that went down is back
  };
  std::string name;
  Kind kind = Kind::kStop;
  friend bool operator==(const Reaction&, const Reaction&) = default;
};

class DependencyGraph {
 public:
  using Units = std::map<std::string, std::shared_ptr<const unit::Unit>>;
  using IsActive = std::function<bool(const std::string&)>;

  /// @param units  by name, aliases resolved. A name that units mention and that is not here does
  ///        not exist.
  explicit DependencyGraph(const Units& units);
  DependencyGraph(const DependencyGraph&) = delete;
  DependencyGraph& operator=(const DependencyGraph&) = delete;

  /// What to start so that `names` run, as systemd.unit(5) says: pulls in Requires=, BindsTo=,
  /// Wants=, Upholds=, and the sockets of Sockets=. Requisite= is only checked. Missing wishes are
  /// ignored, also a wanted unit that itself lacks something it requires (`skipped`). What only
  /// systemd provides counts as reached, see belongs_to_init().
  /// @errors kNotFound: one of `names`, or something it requires, does not exist; the detail says
  ///         who requires it. kInvalidArgument: two units that are both needed conflict, or an
  ///         ordering cycle among units that require each other; the detail says which.
  Result<StartPlan> start_plan(const std::vector<std::string>& names) const;

  /// All of `names`, and the active units that cannot go on without them (the inverse of Requires=,
  /// BindsTo=, Requisite=, PartOf=), in the order to stop them: the reverse of starting.
  std::vector<StopItem> stop_plan(const std::vector<std::string>& names,
                                  const IsActive& is_active) const;

  /// What an unplanned end of `name` means for others that are active: the inverse of BindsTo= and,
  /// if it will be restarted, of PartOf=; and for those that these take along. Stops come first,
  /// in the order of stopping, then restarts, in the order of starting.
  std::vector<Reaction> on_down(const std::string& name, bool will_be_restarted,
                                const IsActive& is_active) const;

  /// The active units that a planned restart of `name` restarts too (the inverse of Requires=,
  /// BindsTo=, Requisite=, PartOf=), in the order of starting; stop them in reverse.
  std::vector<std::string> on_restart(const std::string& name, const IsActive& is_active) const;

  /// Units whose Upholds= names this one: while one of them is active, it is to be started whenever
  /// it is found down.
  std::vector<std::string> upheld_by(const std::string& name) const;

  /// Those of `within` that `name` directly waits for: After=, the inverse of Before=, its sockets,
  /// what a target groups. Two units on either side of a target that only systemd has are ordered
  /// through it. Sorted. Cycles are still in there: for a whole set use order().
  std::vector<std::string> predecessors(const std::string& name,
                                        const std::set<std::string>& within) const;

  /// The whole set in order. A cycle is broken at an ordering that does not go with a hard
  /// dependency. @errors kInvalidArgument: there is none in the cycle, which is the detail.
  Result<Ordering> order(const std::set<std::string>& within) const;

 private:
  using Id = std::size_t;
  static constexpr Id kNone = static_cast<Id>(-1);
  /// kAfter: this one waits for that one. kConflicts is kept in both directions.
  enum Relation : std::uint8_t {
    kRequires,
    kRequisite,
    kBindsTo,
    kWants,
    kUpholds,
    kPartOf,
    kConflicts,
    kSockets,
    kAfter,
    kImpliedAfter,
    kRelations
  };
  /// The others in each relation. Most units have none.
  class Relations {
   public:
    const std::vector<Id>& operator[](Relation relation) const {
      static const std::vector<Id> none;
      return lists_ ? (*lists_)[relation].get() : none;
    }
    void add(Relation relation, Id other);
    void sort_and_unify();

   private:
    std::unique_ptr<std::array<Sparse<std::vector<Id>>, kRelations>> lists_;
  };
  struct Node {
    const std::string& name;                 ///< its key in ids_
    std::shared_ptr<const unit::Unit> unit;  ///< null: no such unit
    bool passive = false;  ///< never started as a dependency: belongs to systemd, or just a name
    Relations to, from;
  };
  struct Closure;     // start_plan.cc
  struct OrderGraph;  // dependency_order.cc

  Id intern(const std::string& name);
  Id find(const std::string& name) const;  ///< kNone: never mentioned
  void relate(Id from, Relation relation, Id to);
  void relate_all(Id from, Relation relation, const std::vector<std::string>& names);
  void add_unit(Id id);
  void add_socket_order(Id id);
  void add_target_order(Id id);
  void find_broken();
  bool related(Id from, Relation relation, Id to) const;
  bool needs(Id a, Id b) const;  ///< a cannot run without b

  std::string missing_chain(Id id) const;
  Result<Closure> close(const std::vector<Id>& roots) const;
  struct Dependent {
    Id id;
    Id because_of;
  };
  /// Units that go the way of `roots`: through `first` from the roots themselves, from there on
  /// through everything that an intended stop propagates to. Goes only where `follow` says yes.
  std::vector<Dependent> dependents(const std::vector<Id>& roots,
                                    const std::vector<Relation>& first,
                                    const std::function<bool(Id)>& follow) const;
  OrderGraph order_graph(const std::vector<Id>& set) const;
  Result<Ordering> order_ids(const std::vector<Id>& set, bool never_refuse) const;
  Ordering order_for_stop(const std::vector<Id>& set) const;

  std::vector<Node> nodes_;
  std::unordered_map<std::string, Id> ids_;
  /// For a unit that cannot be started: what it requires that cannot be, itself if it is missing.
  std::vector<Id> broken_by_;
};

}  // namespace nines::supervise
