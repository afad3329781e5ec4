// Which files of a process are gone, and opening them by its mappings.
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <set>

#include "app/crash/kept_files.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::crash {
namespace {

constexpr std::size_t kMostOpened = 256;

bool is_elf(int file) {
  char magic[4];
  return ::pread(file, magic, sizeof magic, 0) == sizeof magic &&
         std::memcmp(magic, "\177ELF", sizeof magic) == 0;
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/// Whether `path` leads to it. An overlay shows one file under two numbers: then size and time
/// tell.
bool is_there(const std::string& path, const struct stat& mapped, bool removed) {
  struct stat now{};
  if (::stat(path.c_str(), &now) != 0) return false;
  if (now.st_dev == mapped.st_dev && now.st_ino == mapped.st_ino) return true;
  return !removed && now.st_size == mapped.st_size && same_time(now.st_mtim, mapped.st_mtim);
}

/// @return nothing: there is no need to keep it.
UniqueFd open_if_gone(const std::string& link, const std::string& path, bool removed) {
  struct stat info{};
  // First: to open a device may do something.
  if (::stat(link.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  if (is_there(path, info, removed)) return {};
  auto file = sys::open_file(link, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file || !is_elf(file->get())) return {};
  return std::move(*file);
}

}  // namespace

std::vector<GoneFile> open_gone_files(pid_t pid, const elf::CoreHead& head) {
  std::vector<GoneFile> gone;
  std::set<std::string> seen;
  for (const elf::MappedFile& mapping : head.files) {
    const elf::CoreSegment* segment = head.segment_at(mapping.start);
    if (segment == nullptr || !segment->executable) continue;
    if (seen.size() == kMostOpened || !seen.insert(mapping.path).second) continue;
    const std::string path = sys::without_deleted_mark(mapping.path);
    const std::string link =
        fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end);
    UniqueFd file = open_if_gone(link, path, path != mapping.path);
    if (file) gone.push_back({path, std::move(file)});
  }
  return gone;
}

}  // namespace nines::crash
