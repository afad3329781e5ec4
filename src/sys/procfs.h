// /proc, read and typed. Everything here is a snapshot of something that may end meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "sys/host_root.h"

namespace nines::sys {

/// What /proc/PID/stat says. @source proc_pid_stat(5)
struct ProcessStat {
  ProcessId id;
  std::string command;  ///< comm, at most 15 bytes, may contain any byte
  char state = '?';     ///< R S D Z T t X I
  pid_t parent = 0;
  /// Forked, and still runs its parent's program: also what command_line() and environment() show
  /// is the parent's then. @source PF_FORKNOEXEC, include/linux/sched.h
  bool before_exec = false;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint32_t threads = 0;
  Bytes resident;
};

/// Reads one line of /proc/PID/stat. The command may hold any byte, ')' and newline too: it ends at
/// the last ')', because nothing after it is free text.
/// @errors kCorrupt: not the documented form.
Result<ProcessStat> parse_process_stat(std::string_view line);

/// One line of /proc/PID/cgroup: a hierarchy, and where in it the process is.
struct CgroupMembership {
  std::string controllers;  ///< "memory", "cpu,cpuacct", "name=systemd"; empty: v2
  std::string path;         ///< below the mount, as its cgroup namespace shows it
};

/// What is no such line is left out. @source cgroups(7)
std::vector<CgroupMembership> parse_cgroups(std::string_view text);

class Procfs {
 public:
  explicit Procfs(HostRoot root = {}) : root_(std::move(root)) {}

  /// @errors kGone: ended. kCorrupt: not the documented form.
  Result<ProcessStat> stat(pid_t pid) const;
  /// pid + start time of a running process. @errors kGone.
  Result<ProcessId> identify(pid_t pid) const;
  /// True if that very process (not a recycled pid) still runs and is no zombie. One whose first
  /// thread ended while others go on does run. An unknown start time is not compared.
  bool is_running(const ProcessId& id) const;

  /// As the process shows it; empty for kernel threads and zombies. Empty arguments at the end,
  /// which a program leaves when it changes its title, are dropped.
  Result<std::vector<std::string>> command_line(pid_t pid) const;
  /// As it was at exec; of a name given twice the first counts, as for getenv(3).
  /// @errors kDenied: another user's process.
  Result<std::map<std::string, std::string>> environment(pid_t pid) const;
  /// Target of /proc/PID/exe, with " (deleted)" behind it when the file was replaced.
  /// @errors kNotFound: a kernel thread or zombie has none. kDenied.
  Result<std::string> executable(pid_t pid) const;
  Result<std::vector<CgroupMembership>> cgroups(pid_t pid) const;
  /// Open descriptors: number -> link text ("socket:[1234]", "/dev/null").
  Result<std::map<int, std::string>> descriptors(pid_t pid) const;
  /// Inodes of the sockets among them, which name a socket in the kernel's own lists.
  Result<std::set<std::uint64_t>> socket_inodes(pid_t pid) const;
  /// Children of every thread of the process; scans /proc where the kernel has no `children` file.
  Result<std::vector<pid_t>> children(pid_t pid) const;
  Result<std::vector<pid_t>> threads(pid_t pid) const;
  Result<std::vector<pid_t>> all_processes() const;
  /// Resident memory that the process shares with no file and nobody's shared memory.
  /// @source /proc/PID/statm, proc_pid_statm(5): resident less shared pages
  Result<Bytes> private_memory(pid_t pid) const;
  /// Random id of this boot. @source /proc/sys/kernel/random/boot_id
  Result<std::string> boot_id() const;

 private:
  HostRoot root_;
};

}  // namespace nines::sys
