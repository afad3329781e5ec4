#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "app/usage/round.h"
#include "app/usage/small_file.h"

namespace nines::usage {
namespace {

/// The main process, and as many others as are looked at; by pid.
std::vector<pid_t> pids_of(const Measured& measured) {
  std::vector<pid_t> pids = measured.processes;
  if (pids.size() > kMaxProcesses) pids.resize(kMaxProcesses);
  if (measured.main.valid()) pids.push_back(measured.main.pid);
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

/// @return false: it ended, or cannot be read.
bool refresh(Round& round, ProcessFacts& facts) {
  struct stat directory{};
  const std::string path = round.host.root().path(fmt::format("/proc/{}", facts.pid));
  if (::stat(path.c_str(), &directory) != 0) {
    round.failed(Error::from_errno(errno, "stat", path));
    return false;
  }
  const bool is_new = facts.identity != directory.st_ino;
  if (!is_new && round.now < facts.refresh_at) return true;
  if (is_new) facts = {.pid = facts.pid, .identity = directory.st_ino};
  SmallBuffer buffer;
  auto limits = read_small(round.proc(facts.pid, "limits"), buffer);
  if (limits) facts.limits = parse_limits(*limits);
  auto status = limits ? read_small(round.proc(facts.pid, "status"), buffer) : std::move(limits);
  if (!status) {
    round.failed(std::move(status.error()));
    return false;
  }
  const StatusFacts said = parse_status(*status);
  facts.real_user = said.real_user;
  facts.capabilities = said.capabilities;
  facts.refresh_at = round.now + (is_new ? kFirstRefresh : kRefresh);
  return true;
}

}  // namespace

std::string_view to_string(Resource resource) {
  switch (resource) {
    case Resource::kMemory: return "memory";
    case Resource::kFds: return "fds";
    case Resource::kThreads: return "threads";
    case Resource::kDisk: return "disk";
    case Resource::kBacklog: return "backlog";
  }
  return "memory";
}

double Usage::room() const {
  if (limit == kNoLimit) return 1;
  return limit > 0 ? 1 - value / limit : 0;
}

std::string Round::proc(pid_t pid, std::string_view name) const {
  return host.root().path(fmt::format("/proc/{}/{}", pid, name));
}

std::string Round::shown_path(std::string_view path) const {
  const std::string prefix = host.root().path("");
  if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
  return shown(path);
}

void Round::failed(Error error) {
  if (!is_gone(error)) result.failures.push_back(std::move(error));
}

void Tightest::offer(Usage usage) {
  const bool better =
      !best_ || usage.room() < best_->room() ||
      (usage.room() == best_->room() && usage.limit == kNoLimit && usage.value > best_->value);
  if (better) best_ = std::move(usage);
}

double offer_levels(Round& round, OwnCgroup& own, const CgroupResource& what, Tightest& tightest) {
  double least = kNoLimit;
  std::string path = round.path_of(own);
  CgroupLevel* level = &own.level;
  // Above the top of the hierarchy there is a directory that is no cgroup.
  while (level->exists()) {
    const double limit = (level->*what.limit)();
    if (limit != kNoLimit) level->measure(path, round.now, round.result.failures);
    if (const auto use = (level->*what.use)(); limit != kNoLimit && use) {
      least = std::min(least, limit);
      tightest.offer({what.resource,
                      fmt::format("{} of {}", (level->*what.limited_by)(), round.shown_path(path)),
                      *use, limit, level == &own.level ? Scope::kUnit : Scope::kShared});
    }
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || slash == 0) break;
    path.resize(slash);
    level = &round.host.shared_cgroup(path);
    level->look(path, round.now);
  }
  return least;
}

void refresh_processes(Round& round) {
  const auto pids = pids_of(round.measured);
  auto& known = round.unit.processes;
  std::vector<ProcessFacts> now;
  now.reserve(pids.size());
  auto next = known.begin();
  for (const pid_t pid : pids) {
    while (next != known.end() && next->pid < pid) ++next;
    ProcessFacts facts{.pid = pid};
    if (next != known.end() && next->pid == pid) facts = *next;
    if (refresh(round, facts)) now.push_back(facts);
  }
  known = std::move(now);
}

void refresh_cgroups(Round& round) {
  const auto& paths = round.measured.cgroups;
  auto& known = round.unit.cgroups;
  std::size_t hash = paths.size();
  for (const std::string& path : paths) hash = hash * 31 + std::hash<std::string>()(path);
  if (hash != round.unit.cgroup_paths) {
    std::vector<OwnCgroup> found;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      OwnCgroup own{i, {}};
      own.level.look(paths[i], round.now);
      if (own.level.may_limit()) found.push_back(own);
    }
    found.shrink_to_fit();
    known = std::move(found);
    round.unit.cgroup_paths = hash;
  }
  for (OwnCgroup& own : known) {
    own.level.look(round.path_of(own), round.now);
    own.level.measure(round.path_of(own), round.now, round.result.failures);
  }
}

Measurement measure(const Measured& measured, BootTime now, HostCache& host, UnitCache& unit) {
  if (unit.main != measured.main) {
    // Another instance: it may write elsewhere, and listens on other sockets.
    unit = UnitCache();
    unit.main = measured.main;
  }
  Round round{measured, now, host, unit};
  refresh_processes(round);
  refresh_cgroups(round);
  search(round);
  measure_memory(round);
  measure_descriptors(round);
  measure_threads(round);
  measure_disk(round);
  measure_backlog(round);
  return std::move(round.result);
}

}  // namespace nines::usage
