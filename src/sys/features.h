// What this kernel lets this process do: probed by doing it, never by version number.
#pragma once

#include <string>
#include <vector>

#include "sys/host_root.h"

namespace nines::sys {

struct Feature {
  std::string name;  ///< "pidfd", "clone3-into-cgroup", "proc-connector", "cgroup-kill" ...
  bool available = false;
  std::string detail;  ///< why not, or which variant
  std::string used_for;
};

/// Probes each once. Takes a few milliseconds; forks children that end at once.
std::vector<Feature> probe_features(const HostRoot& root = {});

}  // namespace nines::sys
