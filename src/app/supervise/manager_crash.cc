// Manager: whose process it is that crashes.

#include <fmt/format.h>

#include "app/supervise/manager.h"
#include "sys/file.h"

namespace nines::supervise {
namespace {

/// The paths in /proc/PID/cgroup, below the mounts. Without those at the top, where none of our
/// groups is: where the mount is another's, "/redis.service" could be anybody's.
std::vector<std::string> cgroups_of(pid_t pid) {
  std::vector<std::string> paths;
  const auto text = sys::read_file(fmt::format("/proc/{}/cgroup", pid));
  if (!text) return paths;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    // HIERARCHY:CONTROLLERS:PATH, cgroups(7)
    const auto second = line.find(':', line.find(':') + 1);
    if (second == line.npos) continue;
    const std::string_view path = line.substr(second + 1);
    if (path.find('/', 1) != path.npos) paths.emplace_back(path);
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
      service.on_crash_notice(pid, "core socket");
      return CrashedUnit{service.unit().name, service.end_event(pid)};
    }
  }
  const std::vector<std::string> paths = cgroups_of(pid);
  // As long as it is there, they were its own.
  if (paths.empty() || process.has_exited()) return std::nullopt;
  for (const auto& [name, entry] : units_) {
    if (!entry->service || !is_in_one_of(entry->service->cgroup_directories(), paths)) continue;
    return CrashedUnit{name, {}};
  }
  return std::nullopt;
}

}  // namespace nines::supervise
