#include "sys/features.h"

#include <unistd.h>

#include <algorithm>

#include "sys/cgroup.h"
#include "sys/feature_probes.h"
#include "sys/proc_connector.h"

namespace nines::sys {
namespace {

Feature feature(std::string name, std::string used_for, const Result<std::string>& outcome) {
  return {std::move(name), outcome.has_value(), outcome ? *outcome : outcome.error().message(),
          std::move(used_for)};
}

Result<std::string> probe_proc_connector() {
  NINES_ASSIGN(const ProcConnector connector, ProcConnector::open());
  return std::string();
}

void add_process_features(std::vector<Feature>& list) {
  list.push_back(feature("pidfd", "never signalling a recycled pid", probe::pidfd()));
  list.push_back(feature("pidfd-getfd", "taking a dying process's sockets", probe::pidfd_getfd()));
  list.push_back(
      feature("pidfd-exit-info", "exit status of adopted processes", probe::pidfd_exit_info()));
  list.push_back(feature("clone3", "starting processes", probe::clone3()));
  list.push_back(
      feature("close-range", "starting processes without stray descriptors", probe::close_range()));
  list.push_back(feature("subreaper", "reaping what daemons leave behind", probe::subreaper()));
  list.push_back(
      feature("so-peerpidfd", "knowing who sent a notification or a core", probe::so_peerpidfd()));
  list.push_back(feature("proc-connector", "notice of a crash before the core is dumped",
                         probe_proc_connector()));
}

void add_cgroup_features(std::vector<Feature>& list, const HostRoot& root) {
  const probe::CgroupProbes probes = probe::cgroups(root);
  list.push_back(feature("cgroup", "tracking all processes of a unit", probes.tree));
  list.push_back(feature("cgroup-v2", "tracking without races", probes.v2));
  list.push_back(
      feature("clone3-into-cgroup", "units that are born in their cgroup", probes.clone_into));
  list.push_back(feature("cgroup-kill", "ending a unit at one stroke", probes.kill));
  list.push_back(feature("cgroup-memory", "MemoryMax= and recognising OOM kills", probes.memory));
  list.push_back(feature("cgroup-cpu", "CPUQuota= and CPUWeight=", probes.cpu));
  list.push_back(feature("cgroup-pids", "TasksMax=", probes.pids));
  list.push_back(feature("cgroup-freeze", "holding a unit still", probes.freeze));
}

void add_privilege_features(std::vector<Feature>& list) {
  list.push_back(feature("seccomp", "parsing cores without privileges", probe::seccomp()));
  list.push_back(feature("net-admin", "closing a dying process's sockets", probe::net_admin()));
  list.push_back(feature("sys-ptrace", "reading other users' processes", probe::sys_ptrace()));
}

}  // namespace

std::vector<Feature> probe_features(const HostRoot& root) {
  std::vector<Feature> list;
  add_process_features(list);
  add_cgroup_features(list, root);
  add_privilege_features(list);
  return list;
}

}  // namespace nines::sys
