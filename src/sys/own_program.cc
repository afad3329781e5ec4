#include "sys/own_program.h"

#include <unistd.h>

#include <cerrno>

namespace nines::sys {

std::string without_deleted_mark(std::string path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

Result<std::string> own_program() {
  std::string path(4096, '\0');
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
  if (n < 0) return Error::from_errno(errno, "read own path");
  path.resize(static_cast<std::size_t>(n));
  return without_deleted_mark(std::move(path));
}

std::string beside(const std::string& program, std::string_view name) {
  return program.substr(0, program.rfind('/') + 1) + std::string(name);
}

}  // namespace nines::sys
