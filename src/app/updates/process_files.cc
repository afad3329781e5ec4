#include "app/updates/process_files.h"

#include <algorithm>

#include "sys/file.h"
#include "sys/procfs.h"

namespace nines::updates {
namespace {

constexpr std::size_t kMostFiles = 16;  // names of one process; that it has one is what counts
constexpr std::string_view kDeleted = " (deleted)";

/// The next word, without the blanks before it.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

/// "redis.service" from "0::/system.slice/redis.service"; empty where no unit is in it.
std::string unit_of(const std::string& cgroups) {
  std::string unit;
  std::size_t at = 0;
  while (at < cgroups.size()) {
    const std::size_t end = std::min(cgroups.find_first_of("/\n", at), cgroups.size());
    const std::string_view part = std::string_view(cgroups).substr(at, end - at);
    if (part.ends_with(".service")) unit = part;
    at = end + 1;
  }
  return unit;
}

std::vector<std::string> files_in(const std::string& maps,
                                  const std::function<bool(const ExecutableMapping&)>& wanted) {
  std::vector<std::string> files;
  std::size_t at = 0;
  while (at < maps.size() && files.size() < kMostFiles) {
    const std::size_t end = std::min(maps.find('\n', at), maps.size());
    auto mapping = parse_executable_mapping(std::string_view(maps).substr(at, end - at));
    at = end + 1;
    if (!mapping || !wanted(*mapping)) continue;
    if (std::find(files.begin(), files.end(), mapping->path) == files.end()) {
      files.push_back(std::move(mapping->path));
    }
  }
  return files;
}

}  // namespace

std::optional<ExecutableMapping> parse_executable_mapping(std::string_view line) {
  const std::string_view range = take_word(line);
  const std::string_view permissions = take_word(line);
  if (range.find('-') == std::string_view::npos || permissions.size() != 4) return std::nullopt;
  if (permissions[2] != 'x') return std::nullopt;
  for (int skipped = 0; skipped < 3; ++skipped) {  // offset, device, inode
    if (take_word(line).empty()) return std::nullopt;
  }
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  // "[vdso]", "//anon", "/memfd:name", "anon_inode:..." are no files with a place in a file system.
  if (line.size() < 2 || line[0] != '/' || line[1] == '/' || line.starts_with("/memfd:")) {
    return std::nullopt;
  }
  ExecutableMapping mapping;
  // A file may be named so. It is then taken for deleted, which is why is_installed_path() follows.
  mapping.deleted = line.ends_with(kDeleted);
  if (mapping.deleted) line.remove_suffix(kDeleted.size());
  mapping.path = line;
  return mapping;
}

Result<FileUsers> find_file_users(const sys::HostRoot& root,
                                  std::chrono::steady_clock::time_point deadline,
                                  const std::function<bool(const ExecutableMapping&)>& wanted) {
  const sys::Procfs procfs(root);
  NINES_ASSIGN(const std::vector<pid_t> pids, procfs.all_processes());
  FileUsers found;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    if (std::chrono::steady_clock::now() >= deadline) {
      found.skipped = pids.size() - i;
      break;
    }
    const std::string directory = root.path("/proc/" + std::to_string(pids[i]));
    const auto maps = sys::read_file(directory + "/maps");
    if (!maps) {
      // What ended meanwhile runs nothing any more.
      if (maps.error().code() == ErrorCode::kDenied) ++found.denied;
      continue;
    }
    ++found.looked_at;
    std::vector<std::string> files = files_in(*maps, wanted);
    if (files.empty()) continue;
    FileUser user{pids[i], "", "", std::move(files)};
    if (const auto stat = procfs.stat(pids[i])) user.command = stat->command;
    user.unit = unit_of(sys::read_file(directory + "/cgroup").value_or(""));
    found.users.push_back(std::move(user));
  }
  return found;
}

}  // namespace nines::updates
