#include "app/supervise/strays.h"

#include <unistd.h>

#include <map>

namespace nines::supervise {
namespace {

using Table = std::map<pid_t, sys::ProcessStat>;

bool descends_from(const Table& table, pid_t pid, const std::set<pid_t>& ancestors) {
  // A bound: the table is no snapshot, and a recycled pid may close a circle.
  for (std::size_t step = 0; step <= table.size(); ++step) {
    if (ancestors.contains(pid)) return true;
    const auto found = table.find(pid);
    if (found == table.end()) return false;
    pid = found->second.parent;
  }
  return false;
}

bool has_id(const sys::Procfs& procfs, pid_t pid, const std::set<std::string>& ids) {
  const auto environment = procfs.environment(pid);
  if (!environment) return false;
  const auto found = environment->find("INVOCATION_ID");
  return found != environment->end() && ids.contains(found->second);
}

}  // namespace

std::vector<Stray> find_strays(const StrayQuery& query, const sys::Procfs& procfs) {
  std::vector<Stray> strays;
  const auto pids = procfs.all_processes();
  if (!pids) return strays;
  Table table;
  for (const pid_t pid : *pids) {
    if (auto stat = procfs.stat(pid)) table.emplace(pid, std::move(*stat));
  }
  for (const auto& [pid, stat] : table) {
    if (pid == ::getpid() || pid == ::getppid() || query.parents.contains(pid)) continue;
    if (!procfs.is_running(stat.id) || descends_from(table, pid, query.spared)) continue;
    if (!descends_from(table, pid, query.parents) && !has_id(procfs, pid, query.invocation_ids)) {
      continue;
    }
    // By pid and start time: it may have ended while the others were looked at.
    if (auto pidfd = sys::Pidfd::open(stat.id)) strays.push_back({stat.id, std::move(*pidfd)});
  }
  return strays;
}

}  // namespace nines::supervise
