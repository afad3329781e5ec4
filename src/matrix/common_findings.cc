// Findings that several cells have.
#include <fmt/format.h>

#include "matrix/probes.h"

namespace nines::matrix {

std::vector<Finding> host_findings(const Host& host, const std::string& what) {
  if (!host.machine.container) return {};
  return {unmet(host.machine.container_proof, "a container", State::kBarred, Weight::kRequired,
                fmt::format("the {} is the container host's", what),
                "run nines on the container host")};
}

Finding unreadable(const Host& host, std::string source, const Error& error, Weight weight) {
  const bool denied = error.code() == ErrorCode::kDenied && !host.viewer.root();
  Finding finding{std::move(source), shown(error.message()), State::kUnknown, weight, "", ""};
  finding.reason = fmt::format("{} {}", finding.source, denied ? "needs root" : "is unreadable");
  if (denied) finding.advice = "sudo nines";
  return finding;
}

std::string driver_advice(const Host& host, std::string modprobe, std::string_view built_in) {
  // There in every kernel with CONFIG_MODULES, and only there. @source kernel/module/main.c
  constexpr const char* kDisabled = "/proc/sys/kernel/modules_disabled";
  if (number_of(host, kDisabled).value_or(0) != 0) {
    return modprobe + ", before kernel.modules_disabled=1 is set";
  }
  if (has(host, kDisabled)) return modprobe;
  return fmt::format("boot a kernel with {}", built_in);
}

}  // namespace nines::matrix
