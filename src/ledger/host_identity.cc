#include "ledger/host_identity.h"

#include <sys/utsname.h>

#include "sys/file.h"

namespace nines::ledger {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

Result<HostIdentity> detect_host(const sys::HostRoot& root) {
  HostIdentity host;
  const std::string boot_path = root.path("/proc/sys/kernel/random/boot_id");
  NINES_ASSIGN(const std::string boot, sys::read_file(boot_path));
  host.boot_id = first_line(boot);
  if (host.boot_id.empty()) return Error(ErrorCode::kCorrupt, "read", boot_path);
  utsname names{};
  if (::uname(&names) == 0) host.host_name = static_cast<const char*>(names.nodename);
  if (const auto machine = sys::read_file(root.path("/etc/machine-id"))) {
    host.machine_id = first_line(*machine);
  }
  // systemd writes "uninitialized" on the very first boot of an image.
  if (host.machine_id.empty() || host.machine_id == "uninitialized") {
    host.machine_id = "name:" + host.host_name;
  }
  return host;
}

std::string shared_boot_id(const std::string& boot_id, const std::string& machine) {
  return boot_id + "@" + machine;
}

std::string told_boot_id(const std::string& stored, const std::string& machine) {
  const std::string mark = "@" + machine;
  return stored.ends_with(mark) ? stored.substr(0, stored.size() - mark.size()) : stored;
}

}  // namespace nines::ledger
