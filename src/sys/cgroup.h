// One cgroup for each unit, on v2, on v1, on both at once (hybrid), or none where we may not.
//
// v2 is what tracks and kills (cgroup.procs, cgroup.events, cgroup.kill); controllers that are
// mounted as v1 (memory, cpu, pids) are used for accounting and limits where v2 lacks them.
#pragma once

#include <memory>
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
  std::optional<Bytes> memory_max{};
  std::optional<Bytes> memory_high{};
  std::optional<std::uint64_t> tasks_max{};
  std::optional<std::uint64_t> cpu_weight{};  ///< 1..10000, 100 is the default
  std::optional<double> cpu_quota{};          ///< in cores, 0.5 = 50 %
};

/// The directories of one cgroup, one in each hierarchy in use. Kept once for all copies, as the
/// name they end in and, once for all units that have them in common, what comes before.
class CgroupPaths {
 public:
  CgroupPaths() = default;
  CgroupPaths(const std::string& v2, const std::vector<std::string>& v1);

  bool empty() const { return paths_ == nullptr; }
  std::string v2() const;  ///< empty: none
  std::vector<std::string> v1() const;

 private:
  struct Bases {
    std::string v2;
    std::vector<std::string> v1;
    friend bool operator==(const Bases&, const Bases&) = default;
  };
  struct Paths {
    std::shared_ptr<const Bases> bases;
    std::string name;  ///< with the '/' before it
  };
  std::shared_ptr<const Paths> paths_;
};

/// The cgroup of one unit.
class Cgroup {
 public:
  Cgroup() = default;  ///< no cgroup: every call below says so in its own way

  bool valid() const { return !paths_.empty(); }
  /// Directory fd for CLONE_INTO_CGROUP, or -1 where there is no v2 hierarchy, or where what is
  /// born into it may be killed at once: see renew().
  int v2_fd() const { return spoiled_ ? -1 : v2_fd_.get(); }
  const CgroupPaths& paths() const { return paths_; }
  std::string v2_path() const { return paths_.v2(); }  ///< empty: none
  std::vector<std::string> v1_paths() const { return paths_.v1(); }
  /// A cgroup of an earlier run, by the paths it had. A successor may run in another cgroup than
  /// its predecessor did, so CgroupTree::unit() need not lead to the same place.
  /// @errors kGone: none of the directories exists any more.
  static Result<Cgroup> reopen(const CgroupPaths& paths);
  /// "DIR/cgroup.procs" of each hierarchy that v2_fd() does not stand for: the child writes "0"
  /// into each of them before exec.
  std::vector<std::string> procs_files() const;

  /// All processes, also those of cgroups which the unit made below its own; sorted, each once.
  /// Empty when there is no cgroup.
  Result<std::vector<pid_t>> processes() const;
  Result<bool> populated() const;
  /// Ends every process: cgroup.kill (5.14+), else SIGKILL until no process is left that did not
  /// get it. When this returns all are dying, not yet all dead: a process frees its memory first.
  /// @errors kTimeout: they multiply faster than they are killed. kDenied.
  Status kill_all();
  /// Since Linux 6.14, and where stable kernels took that over, each cgroup counts the writes to
  /// its cgroup.kill, and a process that clone3() puts into another cgroup than its parent's is
  /// killed when the counts of the two differ. Only a new directory counts from nothing; this makes
  /// one, where kill_all() was called or the directory is an earlier run's, of which nobody knows
  /// what was done to it.
  /// @return true: made anew, without limits. false: there was no need to.
  /// @errors kBusy: still populated; processes join it by procs_files() meanwhile.
  /// @source kernel/cgroup/cgroup.c: cgroup_css_set_fork() reads kill_seq of the parent's cgroup,
  ///         cgroup_post_fork() compares it with that of the new one
  Result<bool> renew();
  /// Once to every process. @errors kDenied: not to all of them.
  Status signal_all(int signal) const;
  /// Returns when all processes are stopped (or go on). @errors kUnsupported, kTimeout.
  Status freeze(bool frozen) const;
  /// Lets the processes go on, without waiting until each of them does: for when every microsecond
  /// counts. Harmless when they are not frozen. @errors kUnsupported.
  Status thaw_now() const;
  /// Number of OOM kills so far, those of a host-wide shortage too; compare before and after.
  /// @errors kUnsupported
  Result<std::uint64_t> oom_kills() const;
  /// Of its memory; nothing: no limit of its own, or no controller. Those above it count, too.
  std::optional<Bytes> memory_limit() const;
  CgroupUsage usage() const;
  /// Applies what the mounted controllers can, and puts absent limits back to the kernel's default,
  /// since the cgroup may be an earlier run's. Returns the names ("MemoryMax", "CPUQuota" ...) of
  /// the limits that could not be applied, for the caller to report.
  std::vector<std::string> apply(const CgroupLimits& limits) const;
  /// Removes the directories with those below; then this is no cgroup any more.
  /// @errors kBusy: still populated, or its last process is just ending.
  Status remove();

 private:
  friend class CgroupTree;
  CgroupPaths paths_;
  UniqueFd v2_fd_;
  bool spoiled_ = false;  ///< cgroup.kill of the v2 directory was, or may have been, written to
};

/// The directory name of a unit. A name that begins as a file of a cgroup does ("cpu.service")
/// gets a '_' in front, as systemd does it.
/// @errors kInvalidArgument: empty, or with a '/'.
Result<std::string> escape_cgroup_name(std::string_view unit_name);

/// Whether processes may be moved to a leaf, see CgroupTree.
enum class MakeRoom : std::uint8_t { kNo, kYes };

/// Where unit cgroups are made: a directory `name`
///   v1:  below our own cgroup in each hierarchy of memory, cpu, cpuacct, pids (and freezer where
///        there is no v2);
///   v2:  beside our own cgroup, so that the no-internal-processes rule is kept; below it when it
///        is the root, which is exempt; below it also when it was delegated to us or is all we see.
///        Then the processes in it, we among them, move to a leaf "`name`-daemon", but only if that
///        is what it takes to enable controllers, and never in a cgroup "*.service" itself, in
///        which systemd must be able to start us again.
class CgroupTree {
 public:
  /// Finds the mounted hierarchies and the places, makes the directories and enables controllers.
  /// Never fails: a tree without hierarchies gives out invalid Cgroups.
  static CgroupTree detect(std::string_view name, HostRoot root = {},
                           MakeRoom make_room = MakeRoom::kYes);

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
  std::string summary_;
};

}  // namespace nines::sys
