// Hardware, proactive: can an application be frozen, moved and thawed?
#include <fmt/format.h>

#include "matrix/criu.h"
#include "matrix/probes.h"

namespace nines::matrix {
namespace {

constexpr Version kNewVersion{4, 2};
constexpr const char* kNewCriu = "tools/install-criu";

/// From Linux 6.16 on, CRIU before 4.2 cannot dump internet sockets. @source criu issues 2705, 2718
bool needs_new_criu(const Host& host) {
  const auto kernel =
      parse_kernel_release(line_of(host, "/proc/sys/kernel/osrelease").value_or(""));
  return kernel && *kernel >= Version(6, 16);
}

std::string mentioned(const Answer& answer) {
  // criu writes what it misses to either; the last line is its conclusion.
  std::string text = answer.out + answer.err;
  while (text.ends_with('\n')) text.pop_back();
  return shown(text.substr(text.rfind('\n') + 1), 120);
}

Finding version(const Host& host, const std::string& criu) {
  const Command command = criu_version_command(criu);
  const Answer answer = host.commands->answer(command);
  const auto version = parse_criu_version(answer.out);
  if (!version) {
    const bool late = answer.how == Answer::How::kTooLate;
    return unmet(to_string(command), late ? "no answer in time" : mentioned(answer),
                 State::kUnknown, Weight::kHelpful, "criu's version is not known", "");
  }
  const auto [major, minor] = *version;
  const std::string said = fmt::format("{}.{}", major, minor);
  if (needs_new_criu(host) && *version < kNewVersion) {
    return unmet(to_string(command), said + ", and Linux is 6.16 or newer", State::kPartly,
                 Weight::kHelpful, fmt::format("criu {} is too old for this kernel", said),
                 kNewCriu);
  }
  return fulfilled(to_string(command), said, Weight::kHelpful);
}

Finding check(const Host& host, const std::string& criu) {
  const Command command = criu_check_command(criu);
  if (!may_check(host)) {
    return unmet(to_string(command), "not run: needs root or CAP_CHECKPOINT_RESTORE",
                 State::kUnknown, Weight::kRequired, "criu check needs root", "sudo nines");
  }
  const Answer answer = host.commands->answer(command);
  switch (answer.how) {
    case Answer::How::kTooLate:
      return unmet(to_string(command), "no answer in time", State::kUnknown, Weight::kRequired,
                   "criu check is slow here", to_string(command));
    case Answer::How::kExited:
      if (answer.code == 0) {
        return fulfilled(to_string(command), mentioned(answer), Weight::kRequired);
      }
      break;
    case Answer::How::kKilled:
    case Answer::How::kNotRun: break;
  }
  // What a container may not do, its host may.
  return unmet(to_string(command), fmt::format("failed: {}", mentioned(answer)),
               host.machine.container ? State::kBarred : State::kNo, Weight::kRequired,
               "criu check fails", "tools/install-criu, then criu check");
}

/// @source Documentation/admin-guide/cgroup-v2.rst, cgroup.freeze
Finding cgroups(const Host& host) {
  constexpr const char* kMounts = "/proc/self/mountinfo";
  const auto mounts = text_of(host, kMounts);
  if (!mounts) return unreadable(host, kMounts, mounts.error(), Weight::kHelpful);
  const bool v2 = mounts->find(" - cgroup2 ") != std::string::npos;
  const bool v1 = mounts->find(" - cgroup ") != std::string::npos;
  if (!v2) {
    return unmet(kMounts, v1 ? "version 1 only" : "none", State::kNo, Weight::kHelpful,
                 "no cgroup v2", "boot with systemd.unified_cgroup_hierarchy=1");
  }
  if (v1) {
    return unmet(kMounts, "version 2 beside version 1", State::kPartly, Weight::kHelpful,
                 "cgroup v2 is only beside v1", "boot with systemd.unified_cgroup_hierarchy=1");
  }
  return fulfilled(kMounts, "version 2", Weight::kHelpful);
}

}  // namespace

CellReport probe_hw_proactive(const Host& host) {
  std::vector<Finding> findings;
  const std::string criu = criu_program(host);
  if (criu.empty()) {
    findings.push_back({"criu", "not installed", State::kNo, Weight::kRequired,
                        "criu is not installed",
                        needs_new_criu(host) ? kNewCriu : "apt-get install criu"});
  } else {
    findings.push_back(check(host, criu));
    findings.push_back(version(host, criu));
  }
  findings.push_back(cgroups(host));
  return conclude(ledger::Cell::kHwProactive, std::move(findings),
                  "criu can checkpoint and restore");
}

}  // namespace nines::matrix
