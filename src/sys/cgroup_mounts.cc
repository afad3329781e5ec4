#include "sys/cgroup_mounts.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "sys/file.h"

namespace nines::sys {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::all_of(&text[i + 1], &text[i + 4], is_octal)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct Mount {
  std::string root;  ///< which cgroup is seen at the mount point
  std::string point;
  bool v2 = false;
  std::vector<std::string> options;  ///< of the file system: names the controllers of a v1 one
};

/// One line: ID PARENT DEV ROOT POINT OPTIONS [TAG...] - TYPE SOURCE FS-OPTIONS
std::optional<Mount> parse_mount(std::string_view line) {
  const auto fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 4) return std::nullopt;
  if (dash[1] != "cgroup" && dash[1] != "cgroup2") return std::nullopt;
  Mount mount{unescape(fields[3]), unescape(fields[4]), dash[1] == "cgroup2", {}};
  for (const auto option : split(dash[3], ',')) mount.options.emplace_back(option);
  return mount;
}

/// One line: ID:CONTROLLERS:PATH. The v2 hierarchy has no controllers here, a named one "name=x".
struct Membership {
  std::vector<std::string> controllers;
  std::string path;
};
std::optional<Membership> parse_membership(std::string_view line) {
  const auto first = line.find(':');
  const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
  if (second == line.npos) return std::nullopt;
  Membership membership{{}, std::string(line.substr(second + 1))};
  for (const auto name : split(line.substr(first + 1, second - first - 1), ',')) {
    if (name.starts_with("name=")) return std::nullopt;
    membership.controllers.emplace_back(name);
  }
  return membership;
}

bool is_mount_of(const Mount& mount, const Membership& membership) {
  if (mount.v2 != membership.controllers.empty()) return false;
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
  for (const auto line : split(*memberships, '\n')) {
    auto membership = parse_membership(line);
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
