#include "daemon/runtime_directory.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <filesystem>
#include <system_error>

#include "api/runtime_dir.h"
#include "sys/file.h"

namespace nines::daemon {

Status prepare_runtime_directory(const std::string& path, bool user_mode) {
  NINES_TRY(sys::make_directories(path, 0755));
  if (!user_mode || api::is_private_directory(path)) return {};
  return Error(ErrorCode::kDenied, "use", path)
      .with_detail("it is not this user's, or others can write to it")
      .with_hint("choose another --runtime-dir");
}

bool is_in_memory(const std::string& path) {
  struct statfs info{};
  if (::statfs(path.c_str(), &info) != 0) return true;  // no reason to warn
  const auto kind = static_cast<unsigned long>(info.f_type);
  return kind == TMPFS_MAGIC || kind == RAMFS_MAGIC;
}

void remove_runtime_directory(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace nines::daemon
