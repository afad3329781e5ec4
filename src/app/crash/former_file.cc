#include "app/crash/former_file.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <vector>

#include "app/crash/core_stream.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

/// Whose files it makes: its file system ids and groups. @source proc_pid_status(5)
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

std::vector<std::uint32_t> numbers_behind(std::string_view text, std::string_view name) {
  std::vector<std::uint32_t> numbers;
  const auto at = text.find(name);
  if (at == text.npos) return numbers;
  std::string_view line = text.substr(at + name.size());
  line = line.substr(0, line.find('\n'));
  for (auto from = line.find_first_of("0123456789"); from != line.npos;) {
    std::uint32_t value = 0;
    const auto end = std::from_chars(line.data() + from, line.data() + line.size(), value);
    numbers.push_back(value);
    from = line.find_first_of("0123456789", static_cast<std::size_t>(end.ptr - line.data()));
  }
  return numbers;
}

Result<Identity> identity_of(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/status", pid);
  NINES_ASSIGN(const std::string text, sys::read_file(path));
  const auto uids = numbers_behind(text, "\nUid:");
  const auto gids = numbers_behind(text, "\nGid:");
  if (uids.size() != 4 || gids.size() != 4) return Error(ErrorCode::kCorrupt, "read", path);
  Identity identity{uids[3], gids[3], {}};
  for (const std::uint32_t group : numbers_behind(text, "\nGroups:")) {
    identity.groups.push_back(group);
  }
  return identity;
}

Status become(const Identity& identity) {
  if (::setgroups(identity.groups.size(), identity.groups.data()) != 0 ||
      ::setresgid(identity.gid, identity.gid, identity.gid) != 0 ||
      ::setresuid(identity.uid, identity.uid, identity.uid) != 0) {
    return Error::from_errno(errno, "become its user");
  }
  return {};
}

Result<UniqueFd> create(int directory, const std::string& file, std::uint64_t resolve,
                        uid_t owner) {
  open_how how{};
  how.flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  how.mode = 0600;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, directory, file.c_str(), &how, sizeof how)));
  if (!fd) return Error::from_errno(errno, "create", file);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, "stat", file);
  // The kernel's own conditions for one that was there already.
  const bool its_own = S_ISREG(info.st_mode) && info.st_nlink == 1 && info.st_uid == owner &&
                       (info.st_mode & 0677U) == 0600U;
  if (!its_own) {
    return Error(ErrorCode::kDenied, "create", file)
        .with_detail("there is a file that is not its own alone");
  }
  if (::ftruncate(fd.get(), 0) != 0) return Error::from_errno(errno, "truncate", file);
  return fd;
}

Status write_it(const std::string& file, const Victim& victim, std::string_view start,
                std::uint64_t most, BootTime deadline) {
  const bool absolute = file.starts_with('/');
  NINES_ASSIGN(const Identity identity, identity_of(victim.pid));
  NINES_ASSIGN(const UniqueFd directory,
               sys::open_file(fmt::format("/proc/{}/{}", victim.pid, absolute ? "root" : "cwd"),
                              O_PATH | O_DIRECTORY));
  if (victim.process.has_exited()) return Error(ErrorCode::kGone, "write", file);
  NINES_TRY(become(identity));
  ::umask(0);
  // In its root, or below its directory: a link that it has put there leads nowhere else.
  NINES_ASSIGN(
      const UniqueFd fd,
      create(directory.get(), file, absolute ? RESOLVE_IN_ROOT : RESOLVE_BENEATH, identity.uid));
  return copy_core(victim.stream, start, fd.get(), most, deadline);
}

}  // namespace

Status write_former_file(const std::string& file, const Victim& victim, std::string_view start,
                         std::uint64_t most, BootTime deadline) {
  // One that has given up its rights cannot take them back: a child does.
  const pid_t child = ::fork();
  if (child < 0) return Error::from_errno(errno, "fork");
  if (child == 0) {
    const Status written = write_it(file, victim, start, most, deadline);
    const int why = written ? 0 : written.error().errno_value();
    ::_exit(written ? 0 : why > 0 && why < 256 ? why : EIO);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return Error(ErrorCode::kIo, "write", file);
  if (WEXITSTATUS(status) != 0) return Error::from_errno(WEXITSTATUS(status), "write", file);
  return {};
}

}  // namespace nines::crash
