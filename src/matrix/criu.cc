#include "matrix/criu.h"

#include <linux/capability.h>

#include <charconv>

namespace nines::matrix {
namespace {

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  const char* begin = text.begin();
  const char* end = text.end();
  auto [dot, bad_major] = std::from_chars(begin, end, version.first);
  if (bad_major != std::errc() || dot == end || *dot != '.') return std::nullopt;
  if (std::from_chars(dot + 1, end, version.second).ec != std::errc()) return std::nullopt;
  return version;
}

}  // namespace

std::string criu_program(const Host& host) {
  constexpr const char* kOwn = "/opt/nines-criu/bin/criu";
  return has(host, kOwn) ? kOwn : program(host, "criu");
}

Command criu_version_command(const std::string& criu) {
  return {criu, "--version"};
}

Command criu_check_command(const std::string& criu) {
  return {criu, "check"};
}

bool may_check(const Host& host) {
  return host.viewer.root() || host.viewer.has(CAP_SYS_ADMIN) ||
         host.viewer.has(CAP_CHECKPOINT_RESTORE);
}

void begin_criu(const Host& host) {
  const std::string criu = criu_program(host);
  if (criu.empty()) return;
  host.commands->begin(criu_version_command(criu));
  if (may_check(host)) host.commands->begin(criu_check_command(criu));
}

std::optional<Version> parse_criu_version(std::string_view text) {
  constexpr std::string_view kLabel = "Version: ";
  const std::size_t at = text.find(kLabel);
  if (at == std::string_view::npos) return std::nullopt;
  return parse_version(text.substr(at + kLabel.size()));
}

std::optional<Version> parse_kernel_release(std::string_view text) {
  return parse_version(text);
}

}  // namespace nines::matrix
