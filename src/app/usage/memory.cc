// Memory: the cgroup's, or that of the processes; against cgroups, resource limits and the host.
#include <fmt/format.h>

#include "app/usage/round.h"
#include "app/usage/small_file.h"

namespace nines::usage {
namespace {

constexpr CgroupResource kInCgroup = {Resource::kMemory, &CgroupLevel::memory,
                                      &CgroupLevel::memory_limit, &CgroupLevel::memory_limited_by};

/// What the unit's own cgroup holds; offers each limit at it and above it.
std::optional<double> in_cgroups(Round& round, Tightest& tightest) {
  std::optional<double> own_use;
  for (OwnCgroup& own : round.unit.cgroups) {
    if (!own.level.has_memory()) continue;
    const auto use = own.level.memory();
    if (!own_use) own_use = use;
    const double least_seen = offer_levels(round, own, kInCgroup, tightest);
    // A limit that is set where our cgroup namespace lets nobody look.
    const double hierarchical = own.level.hierarchical_limit();
    if (hierarchical < least_seen && use) {
      tightest.offer({Resource::kMemory,
                      "hierarchical_memory_limit of " + round.shown_path(round.path_of(own)), *use,
                      hierarchical, Scope::kShared});
    }
  }
  return own_use;
}

void offer_resource_limits(const ProcessFacts& facts, const StatusFacts& status,
                           Tightest& tightest) {
  const auto offer = [&](const char* name, double value, double limit) {
    if (limit == kNoLimit) return;
    tightest.offer({Resource::kMemory, fmt::format("{} of {}", name, facts.pid), value, limit,
                    Scope::kProcess});
  };
  offer("RLIMIT_AS", status.address_space, facts.limits.address_space);
  offer("RLIMIT_DATA", status.data, facts.limits.data);
}

/// Resident memory and swap of all processes; offers the limits of each.
/// @param  sum  false: only the processes that have such a limit are read.
std::optional<double> in_processes(Round& round, bool sum, Tightest& tightest) {
  std::optional<double> used;
  for (const ProcessFacts& facts : round.unit.processes) {
    const bool limited = facts.limits.address_space != kNoLimit || facts.limits.data != kNoLimit;
    if (!sum && !limited) continue;
    SmallBuffer buffer;
    auto text = read_small(round.proc(facts.pid, "status"), buffer);
    if (!text) {
      round.failed(std::move(text.error()));
      continue;
    }
    const StatusFacts status = parse_status(*text);
    used = used.value_or(0) + status.resident + status.swap;
    offer_resource_limits(facts, status, tightest);
  }
  return used;
}

}  // namespace

void measure_memory(Round& round) {
  // They are of different things, so each is a series of its own.
  Tightest of_cgroups;
  Tightest of_processes;
  auto own_use = in_cgroups(round, of_cgroups);
  const auto sum = in_processes(round, !own_use, of_processes);
  if (!own_use) own_use = sum;
  std::move(of_cgroups).add_to(round);
  std::move(of_processes).add_to(round);
  if (!own_use) return;
  auto available = round.host.available_memory(round.now);
  if (!available) return round.failed(std::move(available.error()));
  round.add({Resource::kMemory, "available memory of the host", *own_use, *own_use + *available,
             Scope::kShared});
}

}  // namespace nines::usage
