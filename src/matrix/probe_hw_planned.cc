// Hardware, planned: can this host be emptied, and can a part of it be changed while it runs?
#include <fmt/format.h>

#include <algorithm>

#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr const char* kCorosync = "/etc/corosync/corosync.conf";

/// Nodes in the nodelist. @source corosync.conf(5)
std::size_t cluster_nodes(const std::string& configuration) {
  std::size_t nodes = 0;
  for (std::size_t at = 0; at < configuration.size();) {
    const std::size_t end = std::min(configuration.find('\n', at), configuration.size());
    std::string_view line = std::string_view(configuration).substr(at, end - at);
    at = end + 1;
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.starts_with("node ") || line.starts_with("node{")) ++nodes;
  }
  return nodes;
}

/// Where the applications would go.
Finding peers(const Host& host) {
  const auto configuration = text_of(host, kCorosync);
  if (!configuration && configuration.error().code() != ErrorCode::kNotFound) {
    return unreadable(host, kCorosync, configuration.error(), Weight::kRequired);
  }
  if (!configuration) {
    return unmet(kCorosync, "absent: no cluster, no peer", State::kNo, Weight::kRequired,
                 "no peer to drain this host to",
                 "apt-get install pacemaker pcs, on two hosts or more");
  }
  const std::size_t nodes = cluster_nodes(*configuration);
  const std::string said = count(nodes, "node", "nodes");
  if (nodes < 2) {
    return unmet(kCorosync, said, State::kNo, Weight::kRequired, "the cluster has no second node",
                 "add a node to " + std::string(kCorosync));
  }
  const std::optional<bool> running = runs(host, "pacemakerd");
  if (!running) {
    return unmet(kCorosync, said + "; whether pacemakerd runs is hidden from this user",
                 State::kUnknown, Weight::kRequired, "the cluster's state needs root",
                 "sudo nines");
  }
  if (!*running) {
    return unmet(kCorosync, said + ", but pacemakerd does not run", State::kNo, Weight::kRequired,
                 "the cluster does not run", "systemctl enable --now pacemaker");
  }
  return fulfilled(kCorosync, said + ", pacemakerd runs", Weight::kRequired);
}

/// @source md(4), /proc/mdstat: "[2/1] [U_]" is an array of two with one missing
Finding disks(const Host& host) {
  constexpr const char* kArrays = "/proc/mdstat";
  const std::string text = text_of(host, kArrays).value_or("");
  const bool redundant =
      text.find(" raid1 ") != std::string::npos || text.find(" raid5 ") != std::string::npos ||
      text.find(" raid6 ") != std::string::npos || text.find(" raid10 ") != std::string::npos;
  if (!redundant) {
    return unmet(kArrays, "no redundant array; hardware RAID and ZFS are not looked at", State::kNo,
                 Weight::kHelpful, "no disk can be changed under load", "mdadm --create, level 1");
  }
  for (std::size_t at = text.find('['); at != std::string::npos; at = text.find('[', at + 1)) {
    const std::string_view states =
        std::string_view(text).substr(at + 1, text.find(']', at) - at - 1);
    const bool is_states = !states.empty() && states.find_first_not_of("U_") == states.npos;
    if (is_states && states.find('_') != states.npos) {
      return unmet(kArrays, fmt::format("an array lacks a disk: [{}]", shown(states, 40)),
                   State::kPartly, Weight::kHelpful, "a disk array is degraded",
                   "mdadm --manage /dev/mdN --add /dev/DISK");
    }
  }
  return fulfilled(kArrays, "arrays are redundant and complete", Weight::kHelpful);
}

/// @source Documentation/networking/bonding.rst
Finding network(const Host& host) {
  constexpr const char* kBonds = "/proc/net/bonding";
  const std::vector<std::string> bonds = names_in(host, kBonds);
  if (bonds.empty()) {
    return unmet(kBonds, "no bond; teams are not looked at", State::kNo, Weight::kHelpful,
                 "no network card can be changed", "bond two cards: systemd.netdev(5), Kind=bond");
  }
  for (const std::string& bond : bonds) {
    const std::string text = text_of(host, fmt::format("{}/{}", kBonds, bond)).value_or("");
    if (text.find("MII Status: down") != std::string::npos) {
      return unmet(fmt::format("{}/{}", kBonds, shown(bond, 20)), "a link is down", State::kPartly,
                   Weight::kHelpful, "a bond has lost a link", "check cable, card and switch port");
    }
  }
  return fulfilled(kBonds, "all links up: " + listed(bonds), Weight::kHelpful);
}

Finding hot_plug(const Host& host) {
  std::vector<std::string> can;
  if (has(host, "/sys/devices/system/cpu/cpu1/online")) can.emplace_back("processors");
  if (has(host, "/sys/devices/system/memory/auto_online_blocks")) can.emplace_back("memory");
  if (const auto slots = names_in(host, "/sys/bus/pci/slots"); !slots.empty()) {
    can.push_back(count(slots.size(), "PCI slot", "PCI slots"));
  }
  return unmet(
      "/sys/devices/system, /sys/bus/pci/slots",
      can.empty() ? "nothing can be taken offline" : "can be taken offline: " + listed(can),
      can.empty() ? State::kNo : State::kYes, Weight::kNote, "", "");
}

}  // namespace

CellReport probe_hw_planned(const Host& host) {
  std::vector<Finding> findings = host_findings(host, "hardware");
  findings.push_back(peers(host));
  if (host.machine.virtual_machine) {
    findings.push_back({host.machine.hypervisor_proof,
                        "disks and cards are the hypervisor's to double", State::kYes,
                        Weight::kNote, "", ""});
  } else {
    findings.push_back(disks(host));
    findings.push_back(network(host));
  }
  findings.push_back(hot_plug(host));
  return conclude(ledger::Cell::kHwPlanned, std::move(findings), "a peer can take over");
}

}  // namespace nines::matrix
