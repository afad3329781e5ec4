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

}  // namespace nines::matrix
