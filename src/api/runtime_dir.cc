#include "api/runtime_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace nines::api {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

bool is_private_directory(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return false;
  return info.st_uid == ::geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::string default_runtime_dir() {
  if (std::string own = variable("NINES_RUNTIME_DIR"); !own.empty()) return own;
  if (::geteuid() == 0) return "/run/nines";
  if (const std::string session = variable("XDG_RUNTIME_DIR"); !session.empty()) {
    return session + "/nines";
  }
  // Outside of a session, as in cron, su and containers. Not /dev/shm, which containers of one pod
  // may share: the second one's daemon would be refused.
  const std::string session = fmt::format("/run/user/{}", ::geteuid());
  return is_private_directory(session) ? session + "/nines"
                                       : fmt::format("/tmp/nines-{}", ::geteuid());
}

std::string default_state_dir() {
  if (::geteuid() == 0) return "/var/lib/nines";
  const std::string state = variable("XDG_STATE_HOME");
  if (!state.empty()) return state + "/nines";
  const std::string home = variable("HOME");
  return (home.empty() ? "/" : home) + "/.local/state/nines";
}

std::string api_socket_path(const std::string& runtime_dir) {
  return runtime_dir + "/api.sock";
}

std::string ledger_link_path(const std::string& runtime_dir) {
  return runtime_dir + "/ledger.db";
}

std::string default_ledger_path() {
  return default_state_dir() + "/ledger.db";
}

}  // namespace nines::api
