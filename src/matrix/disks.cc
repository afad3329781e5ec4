#include "matrix/disks.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace nines::matrix {
namespace {

/// Each question is a process of its own.
constexpr std::size_t kMostAsked = 16;

Command question(const std::string& smartctl, const std::string& disk) {
  return {smartctl, "--json", "--health", "/dev/" + disk};
}

std::vector<std::string> asked_disks(const Host& host) {
  std::vector<std::string> disks = physical_disks(host);
  disks.resize(std::min(disks.size(), kMostAsked));
  return disks;
}

bool may_ask(const Host& host) {
  return host.viewer.root() && host.viewer.has(CAP_SYS_RAWIO);
}

}  // namespace

std::vector<std::string> physical_disks(const Host& host) {
  std::vector<std::string> disks;
  for (const std::string& name : names_in(host, "/sys/block")) {
    const bool wanted =
        name.starts_with("sd") || name.starts_with("nvme") || name.starts_with("hd");
    if (wanted && has(host, "/sys/block/" + name + "/device")) disks.push_back(name);
  }
  return disks;
}

void begin_disk_health(const Host& host) {
  const std::string smartctl = program(host, "smartctl");
  if (smartctl.empty() || !may_ask(host)) return;
  for (const std::string& disk : asked_disks(host)) host.commands->begin(question(smartctl, disk));
}

DiskVerdict read_smartctl(const std::string& text) {
  using Json = nlohmann::json;
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return {State::kUnknown, "no answer"};
  const auto status = document.find("smart_status");
  if (status == document.end() || !status->is_object() || !status->contains("passed") ||
      !(*status)["passed"].is_boolean()) {
    return {State::kUnknown, "tells no health"};
  }
  // NVMe: bits of the critical warning. @source NVM Express base specification, log page 02h
  std::int64_t warning = 0;
  const auto log = document.find("nvme_smart_health_information_log");
  if (log != document.end() && log->is_object() && log->contains("critical_warning") &&
      (*log)["critical_warning"].is_number_integer()) {
    warning = (*log)["critical_warning"].get<std::int64_t>();
  }
  if (!(*status)["passed"].get<bool>()) return {State::kNo, "FAILING"};
  if (warning != 0) return {State::kNo, fmt::format("critical warning {:#x}", warning)};
  return {State::kYes, "passed"};
}

Finding disk_health(const Host& host) {
  const std::string smartctl = program(host, "smartctl");
  if (smartctl.empty()) {
    return unmet("smartctl", "not installed", State::kNo, Weight::kHelpful, "nobody asks the disks",
                 "apt-get install smartmontools");
  }
  if (!may_ask(host)) {
    return unmet(smartctl, "asking disks needs root", State::kUnknown, Weight::kHelpful,
                 "disks' health needs root", "sudo nines");
  }
  Finding finding = fulfilled(to_string(question(smartctl, "DISK")), "", Weight::kHelpful);
  std::vector<std::string> all;
  for (const std::string& disk : asked_disks(host)) {
    const Answer answer = host.commands->answer(question(smartctl, disk));
    const DiskVerdict verdict = answer.how == Answer::How::kTooLate
                                    ? DiskVerdict{State::kUnknown, "no answer in time"}
                                    : read_smartctl(answer.out);
    all.push_back(fmt::format("{}: {}", shown(disk, 20), verdict.said));
    if (verdict.state == State::kNo && finding.state != State::kNo) {
      finding.state = State::kNo;
      finding.reason = fmt::format("disk {} is failing", shown(disk, 20));
      finding.advice = fmt::format("replace /dev/{}: smartctl -a /dev/{}", disk, disk);
    } else if (verdict.state == State::kUnknown && finding.state == State::kYes) {
      finding.state = State::kUnknown;
      finding.reason = fmt::format("disk {}: {}", shown(disk, 20), verdict.said);
      finding.advice = fmt::format("smartctl -a /dev/{}", disk);
    }
  }
  finding.said = listed(all, kMostAsked);
  return finding;
}

}  // namespace nines::matrix
