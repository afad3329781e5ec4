// Where we are: bare metal, a virtual machine, a container; and who we are.
#include <algorithm>
#include <charconv>

#include "matrix/host.h"

namespace nines::matrix {
namespace {

/// The value behind "Name:" in /proc/PID/status.
std::string_view field(std::string_view status, std::string_view name) {
  std::size_t at = 0;
  while (at < status.size()) {
    const std::size_t end = std::min(status.find('\n', at), status.size());
    std::string_view line = status.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return line;
  }
  return {};
}

template <typename Number>
Number number(std::string_view text, int base) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

/// Traces that runtimes leave. They say in what the root file system was made, which a machine may
/// have been booted from since: without a namespace they prove nothing.
std::string container_marker(const Host& host) {
  for (const char* path : {"/run/systemd/container", "/run/.containerenv", "/.dockerenv"}) {
    if (has(host, path)) return path;
  }
  return "";
}

}  // namespace

Viewer look_at_viewer(const Host& host) {
  const std::string status = text_of(host, "/proc/self/status").value_or("");
  Viewer viewer;
  const std::string_view uids = field(status, "Uid");  // real, effective, saved, file system
  const std::size_t second = std::min(uids.find('\t'), uids.size());
  viewer.uid = number<std::uint32_t>(uids.substr(std::min(second + 1, uids.size())), 10);
  viewer.capabilities = number<std::uint64_t>(field(status, "CapEff"), 16);
  viewer.seccomp = number<int>(field(status, "Seccomp"), 10);
  return viewer;
}

Machine look_at_machine(const Host& host) {
  Machine machine;
  // The numbers of the first namespaces are fixed. @source include/uapi/linux/nsfs.h,
  // PROC_*_INIT_INO
  const std::string pid_namespace = link_of(host, "/proc/self/ns/pid").value_or("");
  const std::string user_namespace = link_of(host, "/proc/self/ns/user").value_or("");
  const std::string marker = container_marker(host);
  if (!pid_namespace.empty() && pid_namespace != "pid:[4026531836]") {
    machine.container = true;
    machine.container_proof = "/proc/self/ns/pid is " + shown(pid_namespace);
  } else if (!user_namespace.empty() && user_namespace != "user:[4026531837]") {
    machine.container = true;
    machine.container_proof = "/proc/self/ns/user is " + shown(user_namespace);
  } else if (!marker.empty() && pid_namespace.empty()) {
    machine.container = true;
    machine.container_proof = marker;
  }
  if (machine.container && !marker.empty() && machine.container_proof != marker) {
    machine.container_proof += ", " + marker;
  }

  const std::string vendor = line_of(host, "/sys/class/dmi/id/sys_vendor").value_or("");
  const std::string product = line_of(host, "/sys/class/dmi/id/product_name").value_or("");
  const std::string type = line_of(host, "/sys/hypervisor/type").value_or("");
  const std::string cpu = text_of(host, "/proc/cpuinfo").value_or("");
  const std::size_t flags = cpu.find("\nflags");
  const std::string_view first_flags =
      flags == std::string::npos
          ? std::string_view()
          : std::string_view(cpu).substr(flags + 1, cpu.find('\n', flags + 1) - flags - 1);
  const bool flagged = (std::string(first_flags) + ' ').find(" hypervisor ") != std::string::npos;
  if (!flagged && type.empty()) return machine;
  machine.virtual_machine = true;
  machine.hypervisor_proof = flagged ? "/proc/cpuinfo: flag hypervisor" : "/sys/hypervisor/type";
  if (!type.empty()) {
    machine.hypervisor = shown(type, 24);
  } else if (!vendor.empty()) {
    machine.hypervisor = shown(vendor + (product.empty() ? "" : " " + product), 40);
  } else {
    machine.hypervisor = "an unnamed hypervisor";
  }
  return machine;
}

}  // namespace nines::matrix
