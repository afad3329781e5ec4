#include "sys/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/fault_point.h"

namespace nines::sys {
namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_directory(const std::string& path) {
  NINES_ASSIGN(const UniqueFd dir, open_file(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(dir.get()) != 0) return Error::from_errno(errno, "fsync", path);
  return {};
}

}  // namespace

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return Error::from_errno(errno, "open", path);
  return fd;
}

Result<std::string> read_file(const std::string& path, Bytes limit) {
  NINES_ASSIGN(const UniqueFd fd, open_file(path, O_RDONLY));
  std::string text;
  constexpr std::size_t kChunk = 4096;
  for (;;) {
    const std::size_t used = text.size();
    if (used > limit.count) {
      return Error(ErrorCode::kLimit, "read", path).with_detail("larger than " + to_string(limit));
    }
    text.resize(used + std::max(kChunk, used));
    const ssize_t n = ::read(fd.get(), text.data() + used, text.size() - used);
    if (n < 0 && errno != EINTR) return Error::from_errno(errno, "read", path);
    text.resize(used + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return text;
  }
}

Status write_all(int fd, std::string_view bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(errno, "write", what);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_existing(const std::string& path, std::string_view text) {
  NINES_ASSIGN(const UniqueFd fd, open_file(path, O_WRONLY));
  const ssize_t n = ::write(fd.get(), text.data(), text.size());
  if (n < 0) return Error::from_errno(errno, "write", path);
  if (static_cast<std::size_t>(n) != text.size()) {
    return Error(ErrorCode::kIo, "write", path).with_detail("the kernel took only a part");
  }
  return {};
}

Status replace_file(const std::string& path, std::string_view text, mode_t mode,
                    Durability durability) {
  NINES_TRY(fault::hit(FaultPoint::file_write_temp));
  const std::string temporary = path + ".new";
  {
    NINES_ASSIGN(const UniqueFd fd, open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
    Status written = write_all(fd.get(), text, temporary);
    if (written && durability == Durability::kPowerLoss && ::fsync(fd.get()) != 0) {
      written = Error::from_errno(errno, "fsync", temporary);
    }
    if (written) written = fault::hit(FaultPoint::file_rename);
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return Error::from_errno(errno, "rename", temporary);
  }
  if (durability == Durability::kPowerLoss) return sync_directory(parent_of(path));
  return {};
}

Status make_directories(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return Error::from_errno(errno, "mkdir", path);
  NINES_TRY(make_directories(parent_of(path), 0755));
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  return Error::from_errno(errno, "mkdir", path);
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir) return Error::from_errno(errno, "open directory", path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

}  // namespace nines::sys
