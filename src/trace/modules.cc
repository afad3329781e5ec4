#include "trace/modules.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "sys/file.h"

namespace nines::trace {
namespace {

constexpr std::size_t kMaxModules = 256;
constexpr std::size_t kMaxVdsoBytes = 64 << 10;

std::string base_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

UniqueFd open_mapped(pid_t process, const Mapping& mapping) {
  const std::string by_range = fmt::format("/proc/{}/map_files/{:x}-{:x}", process,
                                           static_cast<std::uint64_t>(mapping.start),
                                           static_cast<std::uint64_t>(mapping.end));
  // map_files wants CAP_CHECKPOINT_RESTORE; an ordinary user goes by the name.
  const std::string by_name = fmt::format("/proc/{}/root{}", process, mapping.path);
  for (const std::string& path : {by_range, by_name}) {
    // O_NONBLOCK: a name may lead to a FIFO by now.
    auto file = sys::open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat info{};
    if (!file || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (info.st_ino == mapping.inode) return std::move(*file);
  }
  return {};
}

std::optional<Mapping> parse_mapping(std::string_view line) {
  unsigned long long start = 0, end = 0, offset = 0, inode = 0;
  char permissions[5] = {};
  int path_at = 0;
  const std::string text(line);
  if (std::sscanf(text.c_str(), "%llx-%llx %4s %llx %*x:%*x %llu %n", &start, &end, permissions,
                  &offset, &inode, &path_at) != 5 ||
      start >= end || path_at <= 0) {
    return std::nullopt;
  }
  return Mapping{RemoteAddress{start},
                 RemoteAddress{end},
                 permissions[2] == 'x',
                 offset,
                 inode,
                 text.substr(static_cast<std::size_t>(path_at))};
}

Result<std::vector<Module>> open_modules(pid_t process) {
  NINES_ASSIGN(const std::string maps, sys::read_file(fmt::format("/proc/{}/maps", process)));
  std::vector<Module> modules;
  std::optional<Mapping> first;  // of the run of mappings of one file
  for (std::size_t at = 0; at < maps.size() && modules.size() < kMaxModules;) {
    const std::size_t end = std::min(maps.find('\n', at), maps.size());
    const auto mapping = parse_mapping(std::string_view(maps).substr(at, end - at));
    at = end + 1;
    if (!mapping) continue;
    if (mapping->path == "[vdso]") {
      const auto bytes =
          static_cast<std::uint64_t>(mapping->end) - static_cast<std::uint64_t>(mapping->start);
      modules.push_back({mapping->path, mapping->start, mapping->end, UniqueFd(),
                         read_remote(process, mapping->start, std::min(bytes, kMaxVdsoBytes))});
      continue;
    }
    if (mapping->inode == 0) continue;
    if (mapping->offset == 0) first = mapping;
    const bool same = first && first->inode == mapping->inode && first->path == mapping->path;
    if (!same || !mapping->executable) continue;
    if (!modules.empty() && modules.back().start == first->start) {
      modules.back().end = mapping->end;
    } else {
      modules.push_back(
          {base_name(first->path), first->start, mapping->end, open_mapped(process, *first), {}});
    }
  }
  return modules;
}

}  // namespace nines::trace
