// Application, planned: which security updates wait, and which processes still run what was
// replaced?
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/updates/replaced_files.h"
#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr const char* kLists = "/var/lib/apt/lists";
/// An index that is older says nothing about what was fixed this week.
constexpr std::chrono::hours kFresh{7 * 24};

Finding no_database(const Host& host) {
  for (const char* other :
       {"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/lib/apk/db", "/var/lib/pacman"}) {
    if (!has(host, other)) continue;
    return unmet(other, "not Debian's", State::kUnknown, Weight::kRequired,
                 "only Debian's packages can be read", "ask this distribution's package manager");
  }
  return unmet("/var/lib/dpkg/status", "absent", State::kBarred, Weight::kRequired,
               "no package manager in here", "build and start a new image");
}

Finding failed(const Host& host, const Error& error) {
  if (error.code() == ErrorCode::kNotFound) return no_database(host);
  const bool late = error.code() == ErrorCode::kTimeout;
  return unmet(late ? "nines-updates" : "/var/lib/dpkg/status", shown(error.message()),
               State::kUnknown, Weight::kRequired,
               late ? "updates not known in time" : "updates could not be read",
               "apt list --upgradable");
}

Finding index_state(const updates::PendingUpdates& updates) {
  if (updates.indexes.empty()) {
    return unmet(kLists, "no index of a security archive", State::kNo, Weight::kRequired,
                 "no index of security updates", "apt-get update");
  }
  const auto newest =
      std::max_element(updates.indexes.begin(), updates.indexes.end(),
                       [](const auto& a, const auto& b) { return a.fetched < b.fetched; });
  const Nanoseconds age(utc_now().ns - newest->fetched.ns);
  const std::string said = fmt::format("{}: {} packages, fetched {} ago", shown(newest->archive),
                                       newest->packages, to_human(age));
  if (newest->packages == 0) {
    return unmet(kLists, said, State::kNo, Weight::kRequired, "the security index is empty here",
                 "apt-get update");
  }
  if (age > kFresh) {
    return unmet(kLists, said, State::kPartly, Weight::kHelpful,
                 fmt::format("security index is {} d old", age / std::chrono::hours(24)),
                 "apt-get update");
  }
  return fulfilled(kLists, said, Weight::kHelpful);
}

Finding pending_state(const updates::PendingUpdates& updates) {
  if (updates.indexes.empty()) {
    return unmet("nines-updates", "cannot compare without an index", State::kUnknown,
                 Weight::kHelpful, "pending updates unknown", "apt-get update");
  }
  if (updates.pending.empty()) {
    return fulfilled(
        "nines-updates",
        fmt::format("none of {} packages has a pending security update", updates.installed),
        Weight::kMain);
  }
  std::vector<std::string> names, held;
  for (const updates::PendingUpdate& update : updates.pending) {
    names.push_back(shown(update.package + " " + update.candidate, 60));
    if (update.held) held.push_back(shown(update.package, 60));
  }
  std::string said = fmt::format("{} pending: {}", names.size(), listed(names, 6));
  if (!held.empty()) said += "; on hold: " + listed(held);
  return unmet("nines-updates", said, State::kPartly, Weight::kMain,
               count(names.size(), "security update waits", "security updates wait"),
               "apt-get upgrade");
}

Finding stale_state(const Host& host, const updates::FileUsers& scan) {
  std::vector<std::string> who;
  std::set<std::string> units;
  for (const updates::FileUser& stale : scan.users) {
    who.push_back(fmt::format("{} ({}: {})", shown(stale.command, 16), stale.pid,
                              shown(stale.files.front(), 60)));
    if (!stale.unit.empty()) units.insert(shown(stale.unit, 60));
  }
  std::string looked = fmt::format("{} looked at", count(scan.looked_at, "process", "processes"));
  if (scan.denied > 0) looked += fmt::format(", {} not readable", scan.denied);
  if (scan.skipped > 0) looked += fmt::format(", {} not in time", scan.skipped);
  if (!who.empty()) {
    const std::string advice =
        units.empty() ? "restart them, they run replaced code"
                      : "systemctl restart " +
                            listed(std::vector<std::string>(units.begin(), units.end()), 2);
    return unmet("/proc/PID/maps", fmt::format("run replaced files: {}; {}", listed(who), looked),
                 State::kPartly, Weight::kHelpful,
                 count(who.size(), "process runs old files", "processes run old files"), advice);
  }
  const bool hidden = !sees_all_processes(host);
  if (hidden) looked += ", those of other users are hidden";
  if (hidden || scan.denied + scan.skipped > 0) {
    Finding finding{"/proc/PID/maps",
                    "none known to run replaced files; " + looked,
                    State::kUnknown,
                    Weight::kHelpful,
                    "not all processes could be seen",
                    ""};
    if ((hidden || scan.denied > 0) && !host.viewer.root()) {
      finding.reason = "other users' processes need root";
      finding.advice = "sudo nines";
    }
    return finding;
  }
  return unmet("/proc/PID/maps", "no process runs replaced files; " + looked, State::kYes,
               Weight::kHelpful, "", "");
}

/// @source apt.conf(5); unattended-upgrades' README
Finding automatic(const Host& host) {
  constexpr const char* kFile = "/etc/apt/apt.conf.d/20auto-upgrades";
  const std::string text = text_of(host, kFile).value_or("");
  const bool on = text.find("Unattended-Upgrade \"1\"") != std::string::npos &&
                  !program(host, "unattended-upgrade").empty();
  if (on) return fulfilled(kFile, "unattended-upgrades is on", Weight::kNote);
  return unmet(kFile, "no automatic security updates", State::kNo, Weight::kNote, "",
               "apt-get install unattended-upgrades");
}

}  // namespace

CellReport probe_app_planned(const Host& host) {
  std::vector<Finding> findings;
  const auto scan = updates::find_stale_processes(host.root, host.deadline);
  const auto pending = pending_updates(host);
  if (pending) {
    findings.push_back(index_state(*pending));
    findings.push_back(pending_state(*pending));
    findings.push_back(automatic(host));
  } else {
    findings.push_back(failed(host, pending.error()));
  }
  if (scan) {
    findings.push_back(stale_state(host, *scan));
  } else {
    findings.push_back(unreadable(host, "/proc", scan.error(), Weight::kHelpful));
  }
  return conclude(ledger::Cell::kAppPlanned, std::move(findings),
                  "no update waits, no old code runs");
}

}  // namespace nines::matrix
