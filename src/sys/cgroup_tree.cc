#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sys/cgroup.h"
#include "sys/cgroup_mounts.h"
#include "sys/cgroup_v2_base.h"
#include "sys/file.h"

namespace nines::sys {
namespace {

constexpr std::array<std::string_view, 5> kV1Controllers = {"memory", "cpu", "cpuacct", "pids",
                                                            "freezer"};

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// In the order of kV1Controllers, however the kernel numbers its hierarchies.
std::string join_in_order(const std::vector<std::string>& controllers) {
  std::string text;
  for (const auto name : kV1Controllers) {
    if (!contains(controllers, name)) continue;
    text += text.empty() ? "" : ",";
    text += name;
  }
  return text;
}

/// Which of a v1 hierarchy's controllers we use.
std::vector<std::string> useful(const OwnCgroup& own, bool have_v2) {
  std::vector<std::string> names;
  for (const auto name : kV1Controllers) {
    if (name == "freezer" && have_v2) continue;
    if (contains(own.controllers, name)) names.emplace_back(name);
  }
  return names;
}

}  // namespace

Result<std::string> escape_cgroup_name(std::string_view unit_name) {
  if (unit_name.empty() || unit_name.find('/') != unit_name.npos ||
      unit_name.find('\0') != unit_name.npos) {
    return Error(ErrorCode::kInvalidArgument, "name cgroup", std::string(unit_name));
  }
  constexpr std::array<std::string_view, 18> kPrefixes = {
      "cgroup",  "memory",  "cpu",      "cpuacct",    "cpuset", "pids",
      "freezer", "io",      "blkio",    "devices",    "rdma",   "hugetlb",
      "misc",    "net_cls", "net_prio", "perf_event", "irq",    "dmem"};
  bool escape = unit_name.front() == '_' || unit_name.front() == '.' || unit_name == "tasks" ||
                unit_name == "notify_on_release" || unit_name == "release_agent";
  for (const auto prefix : kPrefixes) {
    escape = escape || (unit_name.starts_with(prefix) && unit_name.size() > prefix.size() &&
                        unit_name[prefix.size()] == '.');
  }
  return (escape ? "_" : "") + std::string(unit_name);
}

CgroupTree CgroupTree::detect(std::string_view name, HostRoot root, MakeRoom make_room) {
  CgroupTree tree;
  std::vector<std::string> parts;
  std::string refused;
  const auto owns = find_own_cgroups(root);
  for (const OwnCgroup& own : owns) {
    if (!own.is_v2()) continue;
    if (auto base = make_v2_base(own, std::string(name), make_room)) {
      tree.v2_base_ = std::move(*base);
      const auto enabled = enabled_controllers(tree.v2_base_);
      parts.push_back(enabled.empty() ? "v2" : fmt::format("v2({})", fmt::join(enabled, ",")));
    } else {
      refused = base.error().message();
    }
  }
  std::vector<std::string> v1_controllers;
  for (const OwnCgroup& own : owns) {
    const auto names = useful(own, !tree.v2_base_.empty());
    if (names.empty()) continue;
    std::string base = own.directory + "/" + std::string(name);
    if (auto made = make_cgroup(base); !made) {
      refused = made.error().message();
      continue;
    }
    v1_controllers.insert(v1_controllers.end(), names.begin(), names.end());
    tree.v1_bases_.push_back(std::move(base));
  }
  if (!v1_controllers.empty()) parts.push_back("v1(" + join_in_order(v1_controllers) + ")");
  tree.summary_ = fmt::format("{}", fmt::join(parts, " + "));
  if (parts.empty()) {
    tree.summary_ = refused.empty() ? "none (not mounted)" : "none (" + refused + ")";
  }
  return tree;
}

std::string CgroupTree::describe() const {
  return summary_;
}

Result<Cgroup> CgroupTree::unit(std::string_view unit_name) const {
  Cgroup cgroup;
  if (!usable()) return cgroup;
  std::string v2;
  std::vector<std::string> v1;
  NINES_ASSIGN(const std::string name, escape_cgroup_name(unit_name));
  const auto make_all = [&]() -> Status {
    if (!v2_base_.empty()) {
      const std::string path = v2_base_ + "/" + name;
      cgroup.spoiled_ = exists(path);
      if (!make_cgroup(path)) {
        // Another of us, ending, may have cleaned the empty base up.
        NINES_TRY(make_cgroup(v2_base_));
        (void)enable_controllers(v2_base_).has_value();
        NINES_TRY(make_cgroup(path));
      }
      v2 = path;
      NINES_ASSIGN(cgroup.v2_fd_, open_file(path, O_RDONLY | O_DIRECTORY));
    }
    for (const auto& base : v1_bases_) {
      const std::string path = base + "/" + name;
      if (!make_cgroup(path)) {
        NINES_TRY(make_cgroup(base));
        NINES_TRY(make_cgroup(path));
      }
      v1.push_back(path);
    }
    return {};
  };
  const auto made = make_all();
  cgroup.paths_ = CgroupPaths(v2, v1);
  if (!made) {
    (void)cgroup.remove().has_value();  // what was made is empty unless it was there before
    return made.error();
  }
  return cgroup;
}

void CgroupTree::cleanup() const {
  if (!v2_base_.empty()) ::rmdir(v2_base_.c_str());
  for (const auto& base : v1_bases_) ::rmdir(base.c_str());
}

}  // namespace nines::sys
