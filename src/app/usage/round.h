// One measurement of one unit while it is made, and its parts. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/usage/usage.h"

namespace nines::usage {

struct Round {
  const Measured& measured;
  BootTime now;
  HostCache& host;
  UnitCache& unit;
  Measurement result{};

  std::string proc(pid_t pid, std::string_view name) const;  ///< /proc/PID/NAME, to open
  /// `path` without the HostRoot's prefix, printable.
  std::string shown_path(std::string_view path) const;
  const std::string& path_of(const OwnCgroup& own) const { return measured.cgroups[own.index]; }
  void add(Usage usage) { result.usages.push_back(std::move(usage)); }
  /// Notes it, unless it says that something ended.
  void failed(Error error);
};

/// Keeps the usage with the least room; where several have it, the first with the highest value.
class Tightest {
 public:
  void offer(Usage usage);
  const std::optional<Usage>& best() const { return best_; }
  void add_to(Round& round) && {
    if (best_) round.add(std::move(*best_));
  }

 private:
  std::optional<Usage> best_;
};

/// How a cgroup tells of one resource.
struct CgroupResource {
  Resource resource;
  std::optional<double> (CgroupLevel::*use)() const;
  double (CgroupLevel::*limit)() const;
  const char* (CgroupLevel::*limited_by)() const;
};

/// Offers each limit of a cgroup of the unit, and of all above it. @return the least of them.
double offer_levels(Round& round, OwnCgroup& own, const CgroupResource& what, Tightest& tightest);

/// Which processes and cgroups there are now, with what is known of them.
void refresh_processes(Round& round);
void refresh_cgroups(Round& round);
/// Finds file systems and listeners, seldom. @pre refresh_processes() was called.
void search(Round& round);

void measure_memory(Round& round);
void measure_descriptors(Round& round);
void measure_threads(Round& round);
void measure_disk(Round& round);
void measure_backlog(Round& round);

}  // namespace nines::usage
