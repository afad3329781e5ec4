#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "sys/file.h"

namespace nines::sys {
namespace {

std::vector<std::string> subdirectories(const std::string& path) {
  std::vector<std::string> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir) return found;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") found.push_back(path + "/" + name);
  }
  return found;
}

Status add_processes(const std::string& directory, std::vector<pid_t>& into) {
  const auto text = read_file(directory + "/cgroup.procs");
  if (!text) {
    const ErrorCode code = text.error().code();
    // Removed meanwhile (ENOENT, ENODEV), or a threaded cgroup, whose processes its parent lists.
    if (code == ErrorCode::kNotFound || code == ErrorCode::kUnsupported) return {};
    return text.error();
  }
  for (const char* at = text->data(); at < text->data() + text->size(); ++at) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, text->data() + text->size(), pid);
    // 0 stands for a process outside of our pid namespace, which has no number here.
    if (parsed.ec == std::errc() && pid > 0) into.push_back(pid);
    at = std::find(at, text->data() + text->size(), '\n');
  }
  for (const auto& below : subdirectories(directory)) NINES_TRY(add_processes(below, into));
  return {};
}

Status remove_tree(const std::string& directory) {
  for (const auto& below : subdirectories(directory)) NINES_TRY(remove_tree(below));
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
  return Error::from_errno(errno, "remove cgroup", directory);
}

}  // namespace

Result<Cgroup> Cgroup::reopen(const std::string& v2_path,
                              const std::vector<std::string>& v1_paths) {
  Cgroup cgroup;
  if (!v2_path.empty()) {
    if (auto fd = open_file(v2_path, O_RDONLY | O_DIRECTORY)) {
      cgroup.v2_path_ = v2_path;
      cgroup.v2_fd_ = std::move(*fd);
      cgroup.spoiled_ = true;
    }
  }
  for (const auto& path : v1_paths) {
    if (exists(path + "/cgroup.procs")) cgroup.v1_paths_.push_back(path);
  }
  if (!cgroup.valid()) return Error(ErrorCode::kGone, "open cgroup", v2_path);
  return cgroup;
}

std::vector<std::string> Cgroup::procs_files() const {
  std::vector<std::string> files;
  if (spoiled_) files.push_back(v2_path_ + "/cgroup.procs");
  for (const auto& path : v1_paths_) files.push_back(path + "/cgroup.procs");
  return files;
}

Result<std::vector<pid_t>> Cgroup::processes() const {
  std::vector<pid_t> found;
  if (!v2_path_.empty()) {
    NINES_TRY(add_processes(v2_path_, found));
  } else {
    for (const auto& path : v1_paths_) NINES_TRY(add_processes(path, found));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Result<bool> Cgroup::populated() const {
  if (v2_path_.empty()) {
    NINES_ASSIGN(const auto found, processes());
    return !found.empty();
  }
  const auto events = read_file(v2_path_ + "/cgroup.events");
  if (!events) {
    if (events.error().code() == ErrorCode::kNotFound) return false;  // removed
    return events.error();
  }
  return events->find("populated 1") != std::string::npos;
}

Result<bool> Cgroup::renew() {
  if (!spoiled_) return false;
  NINES_ASSIGN(const bool inhabited, populated());
  if (inhabited) return Error(ErrorCode::kBusy, "renew cgroup", v2_path_);
  NINES_TRY(remove_tree(v2_path_));
  if (::mkdir(v2_path_.c_str(), 0755) != 0) {
    return Error::from_errno(errno, "create cgroup", v2_path_);
  }
  NINES_ASSIGN(v2_fd_, open_file(v2_path_, O_RDONLY | O_DIRECTORY));
  spoiled_ = false;
  return true;
}

Status Cgroup::remove() {
  if (!v2_path_.empty()) NINES_TRY(remove_tree(v2_path_));
  for (const auto& path : v1_paths_) NINES_TRY(remove_tree(path));
  *this = Cgroup();
  return {};
}

}  // namespace nines::sys
