#include "sys/cgroup_v2_base.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "sys/file.h"

namespace nines::sys {
namespace {

constexpr std::array<std::string_view, 3> kV2Controllers = {"memory", "cpu", "pids"};

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}
std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

bool has_word(std::string_view text, std::string_view word) {
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find_first_of(" \n"));
    if (item == word) return true;
    text.remove_prefix(std::min(item.size() + 1, text.size()));
  }
  return false;
}

/// systemd marks what it hands over. @source https://systemd.io/CGROUP_DELEGATION/
bool is_delegated(const std::string& cgroup) {
  for (const char* name : {"trusted.delegate", "user.delegate"}) {
    char value = 0;
    if (::getxattr(cgroup.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

/// Moves every process of one v2 cgroup to another.
void move_processes(const std::string& from, const std::string& to) {
  // Again, because a process listed may have forked before it was moved; a bound, because one that
  // cannot be moved (pid 0: not in our pid namespace) stays.
  for (int round = 0; round < 5; ++round) {
    const auto pids = read_file(from + "/cgroup.procs");
    if (!pids || pids->empty()) return;
    std::string_view rest = *pids;
    while (!rest.empty()) {
      const std::string_view pid = rest.substr(0, rest.find('\n'));
      (void)write_existing(to + "/cgroup.procs", pid).has_value();
      rest.remove_prefix(std::min(pid.size() + 1, rest.size()));
    }
  }
}

/// The kernel asks for this of whoever moves a process, or starts it, from a cgroup to another: a
/// directory that we could make but not fill would be of no use.
Status may_move_processes_below(const std::string& common_ancestor) {
  const std::string file = common_ancestor + "/cgroup.procs";
  if (::access(file.c_str(), W_OK) == 0) return {};
  return Error::from_errno(errno, "move processes below", file);
}

/// Where the v2 base goes, and which leaf our processes may have to make room in.
struct Place {
  std::string parent;
  std::string leaf;  ///< empty: nobody has to move
  /// systemd starts a service's process in the service's own cgroup. Were controllers enabled there
  /// while units live below it, the kernel would refuse that (EBUSY), so that nobody could start us
  /// again. @source cgroups(7), "no internal processes"; systemd.exec(5), status 219/CGROUP
  bool may_enable = true;
};

bool is_service_of_systemd(const std::string& cgroup) {
  return name_of(cgroup).ends_with(".service");
}

std::vector<Place> v2_places(const OwnCgroup& own, const std::string& leaf_name) {
  const std::string& here = own.directory;
  const Place below{here, here + "/" + leaf_name, !is_service_of_systemd(here)};
  // Only the root has no type: it may hold processes and controllers at once.
  if (!exists(here + "/cgroup.type")) return {Place{here, {}}};
  if (here == own.mount_point || is_delegated(here)) return {below};
  const Place beside{parent_of(here), {}};
  if (name_of(here) == leaf_name) return {beside};
  return {beside, below};
}

}  // namespace

Status make_cgroup(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return Error::from_errno(errno, "create cgroup", path);
}

Status enable_controllers(const std::string& cgroup) {
  const auto available = read_file(cgroup + "/cgroup.controllers");
  const auto enabled = read_file(cgroup + "/cgroup.subtree_control");
  if (!available || !enabled) return {};
  Status status;
  for (const auto name : kV2Controllers) {
    if (!has_word(*available, name) || has_word(*enabled, name)) continue;
    auto written = write_existing(cgroup + "/cgroup.subtree_control", fmt::format("+{}", name));
    if (!written && written.error().code() == ErrorCode::kBusy) status = std::move(written);
  }
  return status;
}

Result<std::string> make_v2_base(const OwnCgroup& own, const std::string& name,
                                 MakeRoom make_room) {
  Status status;
  for (const Place& place : v2_places(own, name + "-daemon")) {
    const std::string base = place.parent + "/" + name;
    status = may_move_processes_below(place.parent);
    if (status) status = make_cgroup(base);
    if (!status) continue;
    if (!place.may_enable) return base;
    const bool in_the_way = !enable_controllers(place.parent);
    if (in_the_way && make_room == MakeRoom::kYes && !place.leaf.empty() &&
        make_cgroup(place.leaf)) {
      move_processes(place.parent, place.leaf);
      (void)enable_controllers(place.parent).has_value();
    }
    (void)enable_controllers(base).has_value();
    return base;
  }
  return status.error();
}

std::vector<std::string> enabled_controllers(const std::string& cgroup) {
  std::vector<std::string> enabled;
  const auto text = read_file(cgroup + "/cgroup.subtree_control");
  for (const auto name : kV2Controllers) {
    if (text && has_word(*text, name)) enabled.emplace_back(name);
  }
  return enabled;
}

}  // namespace nines::sys
