#include "app/usage/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/unique_fd.h"

namespace nines::usage {

bool is_gone(const Error& error) {
  return error.code() == ErrorCode::kGone || error.code() == ErrorCode::kNotFound;
}

Result<std::string_view> read_small(const std::string& path, SmallBuffer& buffer) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ssize_t size = -1;
  if (fd) {
    do size = ::read(fd.get(), buffer.data(), buffer.size());
    while (size < 0 && errno == EINTR);
  }
  // ENODEV: a cgroup that was removed while its file was open.
  if (size >= 0) return std::string_view(buffer.data(), static_cast<std::size_t>(size));
  const int error = errno;
  if (error == ENOENT || error == ESRCH || error == ENODEV || error == ENOTDIR) {
    return Error(ErrorCode::kGone, "read", path);
  }
  return Error::from_errno(error, "read", path);
}

std::string shown(std::string_view text) {
  std::string safe(text);
  std::replace_if(safe.begin(), safe.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return safe;
}

}  // namespace nines::usage
