#include "app/unit/host_facts.h"

#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "app/unit/environment_file.h"
#include "sys/file.h"

namespace nines::unit {
namespace {

std::string from_environment(const char* name, std::string fallback) {
  const char* value = ::getenv(name);
  // XDG: a relative path there is to be ignored.
  return value != nullptr && value[0] == '/' ? value : std::move(fallback);
}

std::string user_directory(BaseDirectory which) {
  const std::string home = home_directory();
  switch (which) {
    case BaseDirectory::kRuntime:
      return from_environment("XDG_RUNTIME_DIR", "/run/user/" + std::to_string(::getuid()));
    case BaseDirectory::kState: return from_environment("XDG_STATE_HOME", home + "/.local/state");
    case BaseDirectory::kCache: return from_environment("XDG_CACHE_HOME", home + "/.cache");
    case BaseDirectory::kLogs:
      return from_environment("XDG_STATE_HOME", home + "/.local/state") + "/log";
    case BaseDirectory::kConfiguration:
      return from_environment("XDG_CONFIG_HOME", home + "/.config");
    case BaseDirectory::kData: return from_environment("XDG_DATA_HOME", home + "/.local/share");
  }
  return home;
}

}  // namespace

std::string base_directory(BaseDirectory which, bool user_mode) {
  if (user_mode) return user_directory(which);
  switch (which) {
    case BaseDirectory::kRuntime: return "/run";
    case BaseDirectory::kState: return "/var/lib";
    case BaseDirectory::kCache: return "/var/cache";
    case BaseDirectory::kLogs: return "/var/log";
    case BaseDirectory::kConfiguration: return "/etc";
    case BaseDirectory::kData: return "/usr/share";
  }
  return "/";
}

std::string home_directory() {
  const char* home = ::getenv("HOME");
  if (home != nullptr && home[0] == '/') return home;
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "/";
}

std::string os_release_field(std::string_view name) {
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const Result<std::string> text = sys::read_file(path, 1_MiB);
    if (!text) continue;
    for (const auto& [key, value] : load_environment_file(*text).variables) {
      if (key == name) return value;
    }
    return "";
  }
  return "";
}

std::string architecture_name() {
  utsname host{};
  if (::uname(&host) != 0) return "";
  const std::string_view machine = host.machine;
  if (machine == "x86_64") return "x86-64";
  if (machine == "aarch64") return "arm64";
  if (machine.size() == 4 && machine[0] == 'i' && machine.substr(2) == "86") return "x86";
  if (machine.starts_with("arm")) return "arm";
  if (machine == "ppc64le") return "ppc64-le";
  return std::string(machine);
}

}  // namespace nines::unit
