#include "sys/cgroup_mounts.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "sys/file.h"
#include "sys/mountinfo.h"
#include "sys/procfs.h"

namespace nines::sys {
namespace {

/// The v2 hierarchy has no controllers here; of no use to us is a named one, "name=x".
struct Membership {
  std::vector<std::string> controllers;
  std::string path;
};
std::optional<Membership> membership_in(const CgroupMembership& line) {
  Membership membership{{}, line.path};
  for (const auto name : split(line.controllers, ',')) {
    if (name.starts_with("name=")) return std::nullopt;
    membership.controllers.emplace_back(name);
  }
  return membership;
}

bool is_mount_of(const Mount& mount, const Membership& membership) {
  if (mount.type != (membership.controllers.empty() ? "cgroup2" : "cgroup")) return false;
  return std::all_of(membership.controllers.begin(), membership.controllers.end(),
                     [&mount](const std::string& name) {
                       return std::find(mount.options.begin(), mount.options.end(), name) !=
                              mount.options.end();
                     });
}

/// The cgroup `path` as seen through the mount, if it is.
std::optional<std::string> directory_in(const Mount& mount, const std::string& path) {
  // "/../x": we are outside of what our cgroup namespace shows.
  if (path.find("/..") != path.npos || mount.root.find("/..") != mount.root.npos) {
    return std::nullopt;
  }
  const std::string root = mount.root == "/" ? "" : mount.root;
  if (path != root && !path.starts_with(root + "/")) return std::nullopt;
  const std::string below = path.substr(root.size());
  return below == "/" ? mount.point : mount.point + below;
}

}  // namespace

std::vector<OwnCgroup> find_own_cgroups(const HostRoot& root) {
  const auto memberships = read_file(root.path("/proc/self/cgroup"));
  const auto mountinfo = read_file(root.path("/proc/self/mountinfo"));
  std::vector<OwnCgroup> found;
  if (!memberships || !mountinfo) return found;
  std::vector<Mount> mounts;
  for (const auto line : split(*mountinfo, '\n')) {
    if (auto mount = parse_mount(line)) mounts.push_back(std::move(*mount));
  }
  for (const CgroupMembership& line : parse_cgroups(*memberships)) {
    auto membership = membership_in(line);
    if (!membership) continue;
    for (const Mount& mount : mounts) {
      if (!is_mount_of(mount, *membership)) continue;
      const auto directory = directory_in(mount, membership->path);
      // A mount may be hidden below a later one: what counts is what is to be seen.
      if (!directory || !exists(root.path(*directory) + "/cgroup.procs")) continue;
      found.push_back(
          {std::move(membership->controllers), root.path(mount.point), root.path(*directory)});
      break;
    }
  }
  return found;
}

}  // namespace nines::sys
