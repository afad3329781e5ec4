#include "app/updates/replaced_files.h"

namespace nines::updates {

bool is_installed_path(std::string_view path) {
  for (const std::string_view prefix : {"/usr/", "/lib", "/bin/", "/sbin/", "/opt/"}) {
    if (path.starts_with(prefix)) return true;
  }
  return false;
}

Result<FileUsers> find_stale_processes(const sys::HostRoot& root,
                                       std::chrono::steady_clock::time_point deadline) {
  return find_file_users(root, deadline, [](const ExecutableMapping& mapping) {
    return mapping.deleted && is_installed_path(mapping.path);
  });
}

}  // namespace nines::updates
