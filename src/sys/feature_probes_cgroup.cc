// The cgroup probes: a cgroup of their own, in which everything is tried.
#include <fmt/format.h>

#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sys/cgroup.h"
#include "sys/feature_probes.h"
#include "sys/file.h"
#include "sys/pidfd.h"
#include "sys/probe_child.h"

namespace nines::sys::probe {
namespace {

Error unsupported(const char* what, std::string why) {
  return Error(ErrorCode::kUnsupported, what).with_detail(std::move(why));
}

Outcome clone_into(const Cgroup& cgroup) {
  constexpr const char* kWhat = "start a process in a cgroup";
  if (cgroup.v2_fd() < 0) return unsupported(kWhat, "no v2 hierarchy");
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup.v2_fd());
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) ::_exit(0);
  if (pid < 0) return Error::from_errno(errno, kWhat);
  while (::waitpid(static_cast<pid_t>(pid), nullptr, 0) < 0 && errno == EINTR) {
  }
  return std::string();
}

/// A process in the cgroup, which cgroup.kill must end.
Outcome kill_one(const Cgroup& cgroup) {
  constexpr const char* kWhat = "kill a cgroup";
  const std::string file = cgroup.v2_path() + "/cgroup.kill";
  if (cgroup.v2_path().empty() || !exists(file)) return unsupported(kWhat, "no cgroup.kill");
  ProbeChild child(wait_to_be_killed);
  if (!child.started()) return Error::from_errno(errno, "fork");
  NINES_ASSIGN(const Pidfd handle, Pidfd::open(child.pid()));
  NINES_TRY(write_existing(cgroup.v2_path() + "/cgroup.procs", std::to_string(child.pid())));
  NINES_TRY(write_existing(file, "1"));
  pollfd poller{handle.fd(), POLLIN, 0};
  constexpr int kLongEnough_ms = 1000;
  if (::poll(&poller, 1, kLongEnough_ms) != 1) return unsupported(kWhat, "the process lives on");
  return std::string();
}

Outcome limit(const Cgroup& cgroup, const CgroupLimits& limits, const char* what) {
  const auto refused = cgroup.apply(limits);
  if (!refused.empty()) {
    return unsupported(what, fmt::format("{} cannot be set", fmt::join(refused, ", ")));
  }
  return std::string();
}

Outcome memory(const Cgroup& cgroup) {
  NINES_TRY(cgroup.oom_kills());
  NINES_TRY(limit(cgroup, {.memory_max = 64_MiB}, "limit memory"));
  return std::string(exists(cgroup.v2_path() + "/memory.max") ? "v2" : "v1");
}

Outcome freeze(const Cgroup& cgroup) {
  NINES_TRY(cgroup.freeze(true));
  NINES_TRY(cgroup.freeze(false));
  return std::string();
}

}  // namespace

CgroupProbes cgroups(const HostRoot& root) {
  const std::string name = "nines-probe-" + std::to_string(::getpid());
  // A probe does not move anybody: what would need that counts as missing until it was done.
  const CgroupTree tree = CgroupTree::detect(name, root, MakeRoom::kNo);
  auto made = tree.unit("probe");
  if (!made || !made->valid()) {
    const Error why = made ? unsupported("make a cgroup", tree.describe()) : made.error();
    return {why, why, why, why, why, why, why, why};
  }
  Cgroup& cgroup = *made;
  CgroupProbes probes{
      .tree = tree.describe(),
      .v2 = cgroup.v2_path().empty() ? Outcome(unsupported("find cgroup v2", tree.describe()))
                                     : Outcome(std::string()),
      .clone_into = clone_into(cgroup),
      .kill = kill_one(cgroup),
      .memory = memory(cgroup),
      .cpu = limit(cgroup, {.cpu_weight = 100, .cpu_quota = 1}, "limit CPU time"),
      .pids = limit(cgroup, {.tasks_max = 100}, "limit tasks"),
      .freeze = freeze(cgroup),
  };
  // The last process may still be on its way out.
  for (int i = 0; i < 100 && !cgroup.remove(); ++i) ::poll(nullptr, 0, 1);
  tree.cleanup();
  return probes;
}

}  // namespace nines::sys::probe
