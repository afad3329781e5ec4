// One cgroup for each unit, on v2, on v1, on both at once (hybrid), or none where we may not.
//
// v2 is what tracks and kills (cgroup.procs, cgroup.events, cgroup.kill); controllers that are
// mounted as v1 (memory, cpu, pids) are used for accounting and limits where v2 lacks them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "sys/host_root.h"

namespace nines::sys {

/// What a cgroup used. A field is empty where no controller tells it.
struct CgroupUsage {
  std::optional<Bytes> memory;
  std::optional<Bytes> memory_peak;
  std::optional<std::uint64_t> cpu_usec;
  std::optional<std::uint64_t> tasks;
};

/// Limits to write; empty: leave the kernel's default.
struct CgroupLimits {
  std::optional<Bytes> memory_max;
  std::optional<Bytes> memory_high;
  std::optional<std::uint64_t> tasks_max;
  std::optional<std::uint64_t> cpu_weight;  ///< 1..10000, 100 is the default
  std::optional<double> cpu_quota;          ///< in cores, 0.5 = 50 %
};

/// The cgroup of one unit: one directory in each hierarchy in use.
class Cgroup {
 public:
  Cgroup() = default;  ///< no cgroup: every call below says so in its own way

  bool valid() const { return !v2_path_.empty() || !v1_paths_.empty(); }
  /// Directory fd for CLONE_INTO_CGROUP, or -1 where there is no v2 hierarchy.
  int v2_fd() const { return v2_fd_.get(); }
  const std::string& v2_path() const { return v2_path_; }  ///< empty: none
  /// "DIR/cgroup.procs" of each v1 hierarchy: the child writes "0" into each of them before exec.
  std::vector<std::string> v1_procs_files() const;

  /// All processes, sorted, each once. Empty when there is no cgroup.
  Result<std::vector<pid_t>> processes() const;
  Result<bool> populated() const;
  /// Ends every process: cgroup.kill (5.14+), else SIGKILL until none is left.
  Status kill_all() const;
  Status signal_all(int signal) const;
  Status freeze(bool frozen) const;  ///< @errors kUnsupported
  /// Number of OOM kills so far; compare before and after. @errors kUnsupported
  Result<std::uint64_t> oom_kills() const;
  CgroupUsage usage() const;
  /// Applies what the mounted controllers can; returns the names of the limits that could not be
  /// applied, for the caller to report.
  std::vector<std::string> apply(const CgroupLimits& limits) const;
  /// Removes the directories. @errors kBusy: still populated.
  Status remove();

 private:
  friend class CgroupTree;
  std::string v2_path_;
  UniqueFd v2_fd_;
  std::vector<std::string> v1_paths_;
};

/// Where unit cgroups are made: below our own cgroup.
class CgroupTree {
 public:
  /// Finds the mounted hierarchies and a place where we may create directories: `name` below
  /// our own cgroup (v2: beside us, so that the no-internal-processes rule is kept).
  /// Never fails: a tree without hierarchies gives out invalid Cgroups.
  static CgroupTree detect(std::string_view name, HostRoot root = {});

  /// "v2", "v2 + v1(memory,cpu,pids)", "none (not permitted)": for the feature list.
  std::string describe() const;
  bool usable() const { return !v2_base_.empty() || !v1_bases_.empty(); }

  /// Creates, or opens if it exists, the cgroup of a unit. Unit names are escaped where needed.
  Result<Cgroup> unit(std::string_view unit_name) const;
  /// Removes our own directories when empty.
  void cleanup() const;

 private:
  std::string v2_base_;
  std::vector<std::string> v1_bases_;  ///< one for each hierarchy
  std::string why_not_;
};

}  // namespace nines::sys
