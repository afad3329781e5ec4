// Manager: whose process it is that crashes.

#include "app/supervise/manager.h"
#include "sys/procfs.h"

namespace nines::supervise {
namespace {

/// The paths in /proc/PID/cgroup, below the mounts. Without those at the top, where none of our
/// groups is: where the mount is another's, "/redis.service" could be anybody's.
std::vector<std::string> cgroups_of(pid_t pid) {
  std::vector<std::string> paths;
  const auto memberships = sys::Procfs().cgroups(pid);
  if (!memberships) return paths;
  for (const sys::CgroupMembership& membership : *memberships) {
    if (membership.path.find('/', 1) != std::string::npos) paths.push_back(membership.path);
  }
  return paths;
}

bool is_in_one_of(const std::vector<std::string>& directories,
                  const std::vector<std::string>& paths) {
  for (const std::string& directory : directories) {
    for (const std::string& path : paths) {
      if (directory.ends_with(path)) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<CrashedUnit> Manager::on_crash(const sys::Pidfd& process, pid_t pid) {
  if (const auto found = by_pid_.find(pid); found != by_pid_.end()) {
    Service& service = *found->second;
    if (service.is_crashing_main(process, pid)) {
      std::string watchdog = service.watchdog_evidence();
      service.on_crash_notice(pid, "core socket");
      CrashedUnit crashed = service.crashed_unit(pid);
      crashed.watchdog = std::move(watchdog);
      return crashed;
    }
  }
  const std::vector<std::string> paths = cgroups_of(pid);
  // As long as it is there, they were its own.
  if (paths.empty() || process.has_exited()) return std::nullopt;
  for (const auto& [name, entry] : units_) {
    if (!entry->service || !is_in_one_of(entry->service->cgroup_directories(), paths)) continue;
    return entry->service->crashed_unit(pid);
  }
  return std::nullopt;
}

void Manager::on_diagnosed(const std::string& unit, const DiagnosedCrash& crash) {
  const auto found = units_.find(unit);
  if (found == units_.end() || !found->second->service) return;
  found->second->service->on_diagnosed(crash.signature, crash.text, crash.when);
}

}  // namespace nines::supervise
