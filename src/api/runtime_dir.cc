#include "api/runtime_dir.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace nines::api {

std::string default_runtime_dir() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (std::string own = variable("NINES_RUNTIME_DIR"); !own.empty()) return own;
  if (::geteuid() == 0) return "/run/nines";
  if (const std::string session = variable("XDG_RUNTIME_DIR"); !session.empty()) {
    return session + "/nines";
  }
  return fmt::format("/run/user/{}/nines", ::geteuid());
}

std::string api_socket_path(const std::string& runtime_dir) {
  return runtime_dir + "/api.sock";
}

}  // namespace nines::api
