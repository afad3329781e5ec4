// Operating system, planned: which kernel runs, which would run after a reboot, what waits?
#include <fmt/format.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): strverscmp is not in <cstring>

#include <algorithm>

#include "matrix/probes.h"
#include "sys/file.h"

namespace nines::matrix {
namespace {

std::vector<std::string> installed_kernels(const Host& host) {
  std::vector<std::string> releases;
  constexpr std::string_view kPrefix = "vmlinuz-";
  for (const std::string& name : names_in(host, "/boot")) {
    if (name.starts_with(kPrefix)) releases.push_back(name.substr(kPrefix.size()));
  }
  std::sort(releases.begin(), releases.end(), [](const std::string& a, const std::string& b) {
    return ::strverscmp(a.c_str(), b.c_str()) < 0;
  });
  return releases;
}

/// "6.1.140-1" from "... SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)"; empty: not Debian's.
std::string running_package_version(const Host& host) {
  const std::string version = line_of(host, "/proc/version").value_or("");
  const std::size_t at = version.rfind(" Debian ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + 8;
  return version.substr(begin, version.find_first_of(" )", begin) - begin);
}

/// The version of an installed package; empty: not installed, or not readable.
std::string package_version(const Host& host, const std::string& package) {
  // Larger than what text_of() takes: some thousand packages are a few MiB.
  const auto status = sys::read_file(host.root.path("/var/lib/dpkg/status"), 64_MiB);
  if (!status) return "";
  const std::string text = '\n' + *status;  // the first paragraph begins like the others
  const std::size_t at = text.find("\nPackage: " + package + "\n");
  if (at == std::string::npos) return "";
  const std::size_t end = std::min(text.find("\n\n", at), text.size());
  const std::size_t version = text.find("\nVersion: ", at);
  if (version == std::string::npos || version > end) return "";
  const std::size_t begin = version + 10;
  return text.substr(begin, text.find('\n', begin) - begin);
}

Finding running_against_installed(const Host& host) {
  constexpr const char* kRelease = "/proc/sys/kernel/osrelease";
  const auto running = line_of(host, kRelease);
  if (!running) return unreadable(host, kRelease, running.error(), Weight::kRequired);
  const std::vector<std::string> kernels = installed_kernels(host);
  if (kernels.empty()) {
    const bool outside = !has(host, "/lib/modules/" + *running);
    return unmet(
        "/boot", fmt::format("no kernel here; {} runs", shown(*running)),
        outside ? State::kBarred : State::kNo, Weight::kRequired,
        outside ? "the kernel comes from outside" : "no kernel in /boot",
        outside ? (host.machine.virtual_machine ? "update it where this machine is defined" : "")
                : "apt-get install linux-image-amd64");
  }
  const std::string& newest = kernels.back();
  const std::string said =
      fmt::format("{} runs; newest installed {}", shown(*running), shown(newest));
  if (newest != *running) {
    return unmet("/boot", said, State::kPartly, Weight::kRequired,
                 fmt::format("reboot to run {}", shown(newest, 30)), "systemctl reboot");
  }
  // The same name may be another build: a Debian security update keeps the ABI where it can.
  const std::string build = running_package_version(host);
  const std::string package = package_version(host, "linux-image-" + *running);
  if (!build.empty() && !package.empty() && build != package) {
    return unmet("/proc/version",
                 fmt::format("{} runs; installed {}", shown(build), shown(package)), State::kPartly,
                 Weight::kRequired, fmt::format("reboot to run {}", shown(package, 30)),
                 "systemctl reboot");
  }
  return fulfilled("/boot", said, Weight::kRequired);
}

Finding reboot_required(const Host& host) {
  constexpr const char* kFlag = "/run/reboot-required";
  if (!has(host, kFlag)) return fulfilled(kFlag, "absent", Weight::kHelpful);
  std::string packages = text_of(host, "/run/reboot-required.pkgs").value_or("");
  std::replace(packages.begin(), packages.end(), '\n', ' ');
  return unmet(kFlag, "set by: " + shown(packages), State::kPartly, Weight::kHelpful,
               "a reboot is required", "systemctl reboot");
}

Finding kernel_updates(const Host& host) {
  const auto updates = pending_updates(host);
  if (!updates) {
    return unmet("nines-updates", shown(updates.error().message()), State::kUnknown,
                 Weight::kHelpful, "kernel updates unknown", "apt list --upgradable");
  }
  if (updates->indexes.empty()) {
    return unmet("/var/lib/apt/lists", "no index of a security archive", State::kUnknown,
                 Weight::kHelpful, "kernel updates unknown", "apt-get update");
  }
  for (const updates::PendingUpdate& update : updates->pending) {
    if (!update.package.starts_with("linux-image")) continue;
    return unmet("nines-updates", shown(update.package + " " + update.candidate + " waits"),
                 State::kPartly, Weight::kMain, "a kernel security update waits",
                 "apt-get install " + shown(update.package, 60));
  }
  return fulfilled("nines-updates", "no kernel update waits", Weight::kMain);
}

/// A new kernel has a new package name: only the metapackage brings it.
Finding metapackage(const Host& host) {
  for (const char* name : {"linux-image-amd64", "linux-image-cloud-amd64", "linux-image-arm64",
                           "linux-image-generic", "linux-image-rt-amd64"}) {
    if (!package_version(host, name).empty()) {
      return fulfilled("/var/lib/dpkg/status", std::string(name) + " is installed",
                       Weight::kHelpful);
    }
  }
  return unmet("/var/lib/dpkg/status", "no metapackage that brings new kernels", State::kNo,
               Weight::kHelpful, "no package brings new kernels",
               "apt-get install linux-image-amd64");
}

}  // namespace

CellReport probe_os_planned(const Host& host) {
  std::vector<Finding> findings = host_findings(host, "kernel");
  findings.push_back(running_against_installed(host));
  if (findings.back().state != State::kBarred && findings.front().state != State::kBarred) {
    findings.push_back(reboot_required(host));
    findings.push_back(kernel_updates(host));
    findings.push_back(metapackage(host));
  }
  return conclude(ledger::Cell::kOsPlanned, std::move(findings), "the newest kernel runs");
}

}  // namespace nines::matrix
