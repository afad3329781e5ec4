#include "app/supervise/safe_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

namespace nines::supervise {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

/// True if nobody but root and we can have put the link `name` into `parent`.
bool trusted_link(int parent, const std::string& name) {
  struct stat link{};
  struct stat directory{};
  if (::fstatat(parent, name.c_str(), &link, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (::fstat(parent, &directory) != 0 || !S_ISLNK(link.st_mode)) return false;
  const auto ours = [](uid_t uid) { return uid == 0 || uid == ::geteuid(); };
  return ours(link.st_uid) && ours(directory.st_uid) &&
         (directory.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// A directory on the same mount, entered by no link. errno EXDEV: another mount.
UniqueFd enter(int parent, const char* name) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(kDirectoryFlags);
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, parent, name, &how, sizeof how)));
}

/// Names are read whole first: what readdir(3) answers while entries come and go is unspecified.
Result<std::vector<std::string>> names_in(int directory) {
  // fdopendir takes the descriptor over, and the caller's is still needed.
  UniqueFd copy(::openat(directory, ".", kDirectoryFlags));
  if (!copy) return Error::from_errno(errno, "open directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy.get()), &::closedir);
  if (!stream) return Error::from_errno(errno, "read directory");
  (void)copy.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return Error::from_errno(errno, "read directory");
  return names;
}

Error too_deep(const std::string& name) {
  return Error(ErrorCode::kLimit, "descend into", name)
      .with_detail("more than " + std::to_string(kMaxDepth) + " directories inside each other");
}

/// Gives away what lies below, not the directory itself.
class OwnerChange {
 public:
  OwnerChange(Owner former, Owner wanted) : former_(former), wanted_(wanted) {}

  Status below(int directory, int depth) {
    NINES_ASSIGN(const std::vector<std::string> names, names_in(directory));
    for (const std::string& name : names) NINES_TRY(entry(directory, name, depth));
    return {};
  }

 private:
  Status entry(int directory, const std::string& name, int depth) {
    struct stat status{};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return {};
      return Error::from_errno(errno, "examine", name);
    }
    if (S_ISDIR(status.st_mode)) return subdirectory(directory, name, depth);
    if (status.st_uid == wanted_.uid && status.st_gid == wanted_.gid) return {};
    const bool somebody_elses =
        status.st_uid != former_.uid && status.st_uid != wanted_.uid && status.st_nlink > 1;
    if (somebody_elses) return {};
    // By a descriptor that was checked: between a check and a change by name the entry could be
    // replaced by a link to another file.
    const UniqueFd file(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat opened{};
    if (!file || ::fstat(file.get(), &opened) != 0) {
      return errno == ENOENT ? Status{} : Status(Error::from_errno(errno, "open", name));
    }
    if (opened.st_ino != status.st_ino || opened.st_dev != status.st_dev ||
        opened.st_nlink != status.st_nlink) {
      return Error(ErrorCode::kBusy, "change owner of", name)
          .with_detail("it is being replaced meanwhile");
    }
    return chown_opened(file.get(), name);
  }

  Status subdirectory(int directory, const std::string& name, int depth) {
    if (depth >= kMaxDepth) return too_deep(name);
    const UniqueFd child = enter(directory, name.c_str());
    if (!child) {
      if (errno == EXDEV || errno == ENOENT) return {};
      return Error::from_errno(errno, "open", name);
    }
    NINES_TRY(below(child.get(), depth + 1));
    return chown_opened(child.get(), name);
  }

  Status chown_opened(int fd, const std::string& name) {
    if (::fchownat(fd, "", wanted_.uid, wanted_.gid, AT_EMPTY_PATH) == 0) return {};
    return Error::from_errno(errno, "change owner of", name);
  }

  Owner former_, wanted_;
};

/// Removes all it can; returns the first failure.
Status remove_below(int directory, int depth) {
  NINES_ASSIGN(const std::vector<std::string> names, names_in(directory));
  std::optional<Error> first;
  const auto failed = [&](Error error) {
    if (!first) first = std::move(error);
  };
  for (const std::string& name : names) {
    if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR) {
      failed(Error::from_errno(errno, "remove", name));
      continue;
    }
    if (depth >= kMaxDepth) {
      failed(too_deep(name));
      continue;
    }
    const UniqueFd child = enter(directory, name.c_str());
    if (!child) {
      failed(errno == EXDEV ? Error(ErrorCode::kBusy, "remove", name).with_detail("a mount point")
                            : Error::from_errno(errno, "open", name));
      continue;
    }
    if (Status below = remove_below(child.get(), depth + 1); !below) {
      failed(std::move(below.error()));
    } else if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
      failed(Error::from_errno(errno, "remove", name));
    }
  }
  if (first) return *std::move(first);
  return {};
}

}  // namespace

Result<UniqueFd> open_subdirectory(int parent, const std::string& name) {
  UniqueFd fd(::openat(parent, name.c_str(), kDirectoryFlags));
  if (fd) return fd;
  const int failed = errno;
  struct stat status{};
  const bool link =
      ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  if (!link) return Error::from_errno(failed, "open directory", name);
  if (!trusted_link(parent, name)) {
    return Error(ErrorCode::kDenied, "open directory", name)
        .with_detail("it is a symbolic link that others than root could have made");
  }
  fd.reset(::openat(parent, name.c_str(), kDirectoryFlags & ~O_NOFOLLOW));
  if (!fd) return Error::from_errno(errno, "open directory", name);
  return fd;
}

Result<UniqueFd> make_subdirectory(int parent, const std::string& name, mode_t mode) {
  const bool created = ::mkdirat(parent, name.c_str(), mode) == 0;
  if (!created && errno != EEXIST) return Error::from_errno(errno, "create directory", name);
  NINES_ASSIGN(UniqueFd fd, open_subdirectory(parent, name));
  // Our own umask must not decide who may enter.
  if (created && ::fchmod(fd.get(), mode) != 0) {
    return Error::from_errno(errno, "change mode of", name);
  }
  return fd;
}

Status change_owner(int directory, Owner owner) {
  struct stat status{};
  if (::fstat(directory, &status) != 0) return Error::from_errno(errno, "examine", "directory");
  if (status.st_uid == owner.uid && status.st_gid == owner.gid) return {};
  NINES_TRY(OwnerChange({status.st_uid, status.st_gid}, owner).below(directory, 1));
  if (::fchown(directory, owner.uid, owner.gid) != 0) {
    return Error::from_errno(errno, "change owner", "of the directory");
  }
  return {};
}

Status remove_tree(int parent, const std::string& name) {
  const UniqueFd directory = enter(parent, name.c_str());
  if (!directory) {
    if (errno == ENOENT) return {};
    if (errno == EXDEV) {
      return Error(ErrorCode::kBusy, "remove", name).with_detail("a mount point");
    }
    return Error::from_errno(errno, "open directory", name);
  }
  NINES_TRY(remove_below(directory.get(), 1));
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, "remove", name);
  }
  return {};
}

}  // namespace nines::supervise
