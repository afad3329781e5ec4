// The search for what a unit writes to and listens on. It looks at each descriptor, so it is made
// seldom, and of a unit with very many only the first are looked at.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <set>

#include "app/usage/round.h"
#include "app/usage/small_file.h"
#include "sys/file.h"
#include "sys/mountinfo.h"

namespace nines::usage {
namespace {

// Of all processes together. To ask where a file is takes the longest.
constexpr std::size_t kMaxDescriptors = 512;
constexpr std::size_t kMaxFiles = 64;
constexpr std::size_t kMaxSearched = 16;  // processes
constexpr Bytes kMaxMountinfo = 1_MiB;
constexpr std::size_t kMaxFileSystems = 16;

/// Privileged programs may use the blocks that ext4 keeps back. @source ext4_has_free_clusters(),
/// fs/ext4/balloc.c; capabilities(7)
constexpr std::uint64_t kSysResource = 1ULL << 24;

/// To ask these for free space can wait for a server, or for a program, without end.
bool may_block(std::string_view type) {
  constexpr std::array kTypes = {"nfs",    "nfs4",  "cifs",     "smb3",   "smbfs",    "9p",
                                 "ceph",   "afs",   "coda",     "lustre", "gpfs",     "beegfs",
                                 "autofs", "ocfs2", "orangefs", "gfs2",   "virtiofs", "ncpfs"};
  return type.starts_with("fuse") || std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

/// What the kernel shows as files, or keeps for devices, is nothing that an application fills.
bool is_no_storage(std::string_view type) {
  constexpr std::array kTypes = {"proc",   "sysfs",   "devtmpfs", "devpts", "cgroup",   "cgroup2",
                                 "mqueue", "debugfs", "tracefs",  "bpf",    "hugetlbfs"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

bool is_device(std::string_view path) {
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
}

struct Found {
  std::set<int> mounts;  ///< ids, of files that are open for writing
  std::vector<std::uint64_t> sockets;
};

class Descriptors {
 public:
  explicit Descriptors(Round& round) : round_(round) {}

  Found of(pid_t pid) {
    Found found;
    const std::string path = round_.proc(pid, "fd");
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (!directory) {
      round_.failed(Error::from_errno(errno, "open directory", path));
      return found;
    }
    while (const dirent* entry = ::readdir(directory.get())) {
      if (entry->d_name[0] == '.') continue;
      if (left_ == 0) break;
      --left_;
      look_at(pid, ::dirfd(directory.get()), entry->d_name, found);
    }
    return found;
  }

 private:
  void look_at(pid_t pid, int directory, const char* name, Found& found) {
    std::array<char, 256> text;  // the beginning decides
    const ssize_t size = ::readlinkat(directory, name, text.data(), text.size());
    if (size <= 0) return;  // closed meanwhile
    std::string_view target(text.data(), static_cast<std::size_t>(size));
    constexpr std::string_view kSocket = "socket:[";
    if (target.starts_with(kSocket)) {
      std::uint64_t inode = 0;
      target.remove_prefix(kSocket.size());
      const auto parsed = std::from_chars(target.data(), target.data() + target.size(), inode);
      if (parsed.ec == std::errc()) found.sockets.push_back(inode);
    } else if (target.starts_with('/') && !is_device(target) && files_left_ > 0 &&
               may_be_for_writing(directory, name)) {
      --files_left_;
      SmallBuffer buffer;
      const auto info = read_small(round_.proc(pid, fmt::format("fdinfo/{}", name)), buffer);
      const auto file = info ? parse_fdinfo(*info) : std::nullopt;
      if (file && file->for_writing) found.mounts.insert(file->mount);
    }
  }

  /// The link itself has the mode that the file was opened with, which is quicker to read.
  /// @source proc_pid_fd(5); tid_fd_update_inode(), fs/proc/fd.c
  static bool may_be_for_writing(int directory, const char* name) {
    struct stat link{};
    return ::fstatat(directory, name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
           (link.st_mode & S_IWUSR) != 0 && may_take_space(directory, name);
  }

  /// What is written to a FIFO or a device does not. Asks no server, which could be dead.
  static bool may_take_space(int directory, const char* name) {
    struct statx file{};
    const bool known = ::statx(directory, name, AT_STATX_DONT_SYNC, STATX_TYPE, &file) == 0 &&
                       (file.stx_mask & STATX_TYPE) != 0;
    return !known || S_ISREG(file.stx_mode);
  }

  Round& round_;
  std::size_t left_ = kMaxDescriptors;
  std::size_t files_left_ = kMaxFiles;
};

class FileSystems {
 public:
  explicit FileSystems(Round& round) : round_(round) {}

  /// Those behind the mounts `wanted`, as the process sees them.
  void add_of(const ProcessFacts& facts, const std::set<int>& wanted) {
    if (wanted.empty()) return;
    const std::string top = round_.proc(facts.pid, "root");
    for (const sys::Mount& mount : mounts(round_.proc(facts.pid, "mountinfo"))) {
      if (wanted.contains(mount.id)) add(mount, top + mount.point, facts);
    }
  }

  /// Those of directories, as we see them.
  void add_of(const ProcessFacts& writer, const std::vector<std::string>& directories) {
    if (directories.empty()) return;
    const auto all = mounts(round_.host.root().path("/proc/self/mountinfo"));
    for (const std::string& directory : directories) {
      const sys::Mount* longest = nullptr;
      for (const sys::Mount& mount : all) {
        const bool inside = mount.point == "/" || directory == mount.point ||
                            directory.starts_with(mount.point + "/");
        // Of two at one place the later one hides the other.
        if (inside && (longest == nullptr || mount.point.size() >= longest->point.size())) {
          longest = &mount;
        }
      }
      if (longest != nullptr) add(*longest, round_.host.root().path(directory), writer);
    }
  }

  std::vector<FileSystem> take() && { return std::move(found_); }

 private:
  std::vector<sys::Mount> mounts(const std::string& path) {
    auto text = sys::read_file(path, kMaxMountinfo);
    std::vector<sys::Mount> all;
    if (!text) round_.failed(std::move(text.error()));
    std::string_view rest = text ? std::string_view(*text) : std::string_view();
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      if (auto mount = sys::parse_mount(line)) all.push_back(std::move(*mount));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
    return all;
  }

  void add(const sys::Mount& mount, std::string path, const ProcessFacts& writer) {
    if (may_block(mount.type) || is_no_storage(mount.type)) return;
    const bool known = std::any_of(found_.begin(), found_.end(), [&](const FileSystem& other) {
      return other.device == mount.device;
    });
    if (known || found_.size() >= kMaxFileSystems) return;
    const bool privileged = (writer.capabilities & kSysResource) != 0;
    found_.push_back(
        {std::move(path), mount.point, mount.device, privileged && mount.type.starts_with("ext")});
  }

  Round& round_;
  std::vector<FileSystem> found_;
};

/// The main process first: what it has open stays.
std::vector<const ProcessFacts*> in_order(const Round& round) {
  std::vector<const ProcessFacts*> order;
  for (const ProcessFacts& facts : round.unit.processes) {
    const bool is_main = facts.pid == round.measured.main.pid;
    order.insert(is_main ? order.begin() : order.end(), &facts);
  }
  if (order.size() > kMaxSearched) order.resize(kMaxSearched);
  return order;
}

}  // namespace

void search(Round& round) {
  UnitCache& unit = round.unit;
  if ((unit.searched && round.now < unit.search_again) || unit.processes.empty()) return;
  unit.search_again = round.now + (unit.searched ? kRefresh : kFirstRefresh);
  unit.searched = true;

  Descriptors descriptors(round);
  FileSystems file_systems(round);
  std::set<std::uint64_t> sockets;
  const auto processes = in_order(round);
  for (const ProcessFacts* facts : processes) {
    const Found found = descriptors.of(facts->pid);
    file_systems.add_of(*facts, found.mounts);
    sockets.insert(found.sockets.begin(), found.sockets.end());
  }
  file_systems.add_of(*processes.front(), round.measured.directories);
  unit.file_systems = std::move(file_systems).take();
  unit.listeners.clear();
  if (sockets.empty()) return;
  // Where it fails it may be for one kind of socket only.
  if (Status listed = round.host.list_listeners(round.now); !listed) {
    round.failed(std::move(listed.error()));
  }
  for (const std::uint64_t inode : sockets) {
    if (round.host.listener(inode)) unit.listeners.push_back(inode);
  }
}

}  // namespace nines::usage
