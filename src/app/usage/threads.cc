// Tasks: processes and their threads.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>

#include "app/usage/round.h"
#include "sys/procfs.h"

namespace nines::usage {
namespace {

/// Whom RLIMIT_NPROC does not stop. @source copy_process(), kernel/fork.c; capabilities(7)
constexpr std::uint64_t kMayExceed = (1ULL << 21) | (1ULL << 24);  // CAP_SYS_ADMIN, _RESOURCE

constexpr CgroupResource kInCgroup = {Resource::kThreads, &CgroupLevel::tasks,
                                      &CgroupLevel::tasks_limit, &CgroupLevel::tasks_limited_by};

std::optional<double> in_cgroups(Round& round, Tightest& tightest) {
  std::optional<double> own_use;
  for (OwnCgroup& own : round.unit.cgroups) {
    if (!own_use) own_use = own.level.tasks();
    (void)offer_levels(round, own, kInCgroup, tightest);
  }
  return own_use;
}

/// A directory has a link from above, one from itself, and one from each directory in it; that of a
/// process's threads counts so too. @source proc_task_getattr(), fs/proc/base.c
std::optional<double> threads_of(Round& round, pid_t pid) {
  constexpr nlink_t kOfItself = 2;
  const std::string path = round.proc(pid, "task");
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    round.failed(Error::from_errno(errno, "stat", path));
    return std::nullopt;
  }
  if (info.st_nlink > kOfItself) return static_cast<double>(info.st_nlink - kOfItself);
  const auto listed = sys::Procfs(round.host.root()).threads(pid);
  if (!listed) return std::nullopt;
  return static_cast<double>(listed->size());
}

bool may_exceed(const ProcessFacts& facts) {
  return facts.real_user == 0 || (facts.capabilities & kMayExceed) != 0;
}

/// Threads of the processes.
/// @param  sum  false: only those are counted to whom RLIMIT_NPROC applies.
std::optional<double> in_processes(Round& round, bool sum, Tightest& tightest) {
  struct User {
    double threads = 0;
    double limit = kNoLimit;
  };
  std::map<uid_t, User> users;
  std::optional<double> all;
  for (const ProcessFacts& facts : round.unit.processes) {
    const bool limited = facts.limits.tasks_of_user != kNoLimit && !may_exceed(facts);
    if (!sum && !limited) continue;
    const auto threads = threads_of(round, facts.pid);
    if (!threads) continue;
    all = all.value_or(0) + *threads;
    if (!limited) continue;
    User& user = users[facts.real_user];
    user.threads += *threads;
    user.limit = std::min(user.limit, facts.limits.tasks_of_user);
  }
  for (const auto& [uid, user] : users) {
    tightest.offer({Resource::kThreads, fmt::format("RLIMIT_NPROC of user {}", uid), user.threads,
                    user.limit, Scope::kShared});
  }
  return all;
}

}  // namespace

void measure_threads(Round& round) {
  Tightest of_cgroups;
  Tightest of_users;
  auto own_use = in_cgroups(round, of_cgroups);
  const auto sum = in_processes(round, !own_use, of_users);
  if (!own_use) own_use = sum;
  std::move(of_cgroups).add_to(round);
  std::move(of_users).add_to(round);
  if (!own_use) return;
  auto host = round.host.tasks(round.now);
  if (!host) return round.failed(std::move(host.error()));
  const double free = std::max(0.0, host->limit - host->running);
  round.add({Resource::kThreads, host->limited_by, *own_use, *own_use + free, Scope::kShared});
}

}  // namespace nines::usage
